"""What labels and cells say beside a score: differences, errors, ranks, bounds, parts, names without a year."""

import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import evaluation_manager  # noqa: E402


def read(tmp_path, capsys, card, repo="acme/Foo-7B"):
    """(exit code, [(type of the data set, metric, value)], stderr) of a card."""
    import yaml

    (tmp_path / "card.md").write_text(card, encoding="utf-8")
    argv = ["extract-readme", "--repo-id", repo, "--card", str(tmp_path / "card.md"), "--all-tables"]
    code = evaluation_manager.main(argv)
    out, err = capsys.readouterr()
    lines = out if not out.startswith("#") and "model-index" in out else ""
    results = yaml.safe_load(lines)["model-index"][0]["results"] if lines else []
    return code, [(r["dataset"]["type"], r["metrics"][0]["type"], r["metrics"][0]["value"]) for r in results], err


BENCHMARKS = {"MMLU": "cais/mmlu", "GSM8K": "openai/gsm8k", "HellaSwag": "Rowan/hellaswag", "ARC-C": "allenai/ai2_arc"}
BESIDE = [
    "{} Δ", "Δ {}", "{} (Δ vs base)", "{} improvement", "Gain on {}", "{} std", "{} stderr", "{} (se)", "{} p-value",
    "{} rank", "{} tokens", "{} (avg tokens)", "{} latency (s)", "{} items", "{} contamination (%)", "{} variance",
    "{} (error)", "{} error", "{} (error rate)", "{} incorrect", "err {}",
]  # fmt: skip


@pytest.mark.parametrize("name", BENCHMARKS)
@pytest.mark.parametrize("form", BESIDE)
@pytest.mark.parametrize("as_rows", [False, True])
def test_what_is_said_of_a_benchmark_beside_its_score_is_no_score(tmp_path, capsys, name, form, as_rows):
    other = form.format(name)
    if as_rows:
        rows = [("BBH", 50, 49), (name, 61, 60), (other, 3, 2)]
        card = "# Foo-7B\n\n| Benchmark | Foo-7B | Bar-7B |\n|---|---|---|\n"
        card += "".join(f"| {label} | {own} | {bar} |\n" for label, own, bar in rows)
    else:
        card = f"# Foo-7B\n\n| Model | BBH | {name} | {other} |\n|---|---|---|---|\n"
        card += "| Foo-7B | 50 | 61 | 3 |\n| Bar-7B | 49 | 60 | 2 |\n"
    code, found, err = read(tmp_path, capsys, card)
    assert 3 not in [value for _, _, value in found] and code in (0, 3), (found, err)
    assert (BENCHMARKS[name], 61) in [(kind, value) for kind, _, value in found], (found, err)


@pytest.mark.parametrize("mark", [">", "<", "≥ ", "≤", "**>** ", "↑ >"])
def test_a_bound_is_asked(tmp_path, capsys, mark):
    card = (
        f"# Foo-7B\n\n| Benchmark | Foo-7B | Bar-7B |\n|---|---|---|\n| MMLU | {mark}60 | 60 |\n| GSM8K | 50 | 40 |\n"
    )
    code, found, err = read(tmp_path, capsys, card)
    assert code == 3 and [value for _, _, value in found] == [50], (code, found, err)
    assert "bound" in err or "cannot be read" in err


@pytest.mark.parametrize("name", ["AIME", "WikiText", "RACE"])
def test_a_name_of_several_benchmarks_is_none_of_them(tmp_path, capsys, name):
    card = f"# Foo-7B\n\n| Benchmark | Foo-7B | Bar-7B |\n|---|---|---|\n| {name} | 61 | 60 |\n| GSM8K | 50 | 40 |\n"
    _, found, _ = read(tmp_path, capsys, card)
    assert ("openai/gsm8k", 50) in [(kind, value) for kind, _, value in found]
    assert not [kind for kind, _, value in found if value == 61 and "/" in kind], found


def test_a_benchmark_over_the_models_is_the_name_of_its_rows(tmp_path, capsys):
    card = """# Foo-7B

<table>
<tr><th rowspan=2>Language</th><th colspan=2>MMLU</th><th colspan=2>Belebele</th></tr>
<tr><th>Foo-7B</th><th>Bar-7B</th><th>Foo-7B</th><th>Bar-7B</th></tr>
<tr><td>en</td><td>61</td><td>60</td><td>81</td><td>80</td></tr>
<tr><td>de</td><td>51</td><td>50</td><td>71</td><td>70</td></tr>
</table>
"""
    code, found, err = read(tmp_path, capsys, card)
    wanted = {("mmlu-en", 61), ("mmlu-de", 51), ("belebele-en", 81), ("belebele-de", 71)}
    assert code == 3 or {(kind, value) for kind, _, value in found} == wanted, (found, err)


def test_r_1_r_2_and_r_l_together_are_rouge(tmp_path, capsys):
    card = "# sum-foo\n\n| Model | CNN/DM R-1 | CNN/DM R-2 | CNN/DM R-L | XSum (R1/R2/RL) |\n|---|---|---|---|---|\n"
    card += "| bart | 44.1 | 21.2 | 40.9 | 45.1/22.2/37.2 |\n| sum-foo | 45.0 | 21.9 | 41.8 | 46.0/23.0/38.0 |\n"
    code, found, err = read(tmp_path, capsys, card, "acme/sum-foo")
    metrics = {value: metric for _, metric, value in found}
    assert code == 0 and metrics == {
        45: "rouge_1", 21.9: "rouge_2", 41.8: "rouge_l", 46: "rouge_1", 23: "rouge_2", 38: "rouge_l",
    }, (found, err)  # fmt: skip


def test_columns_of_settings_under_a_benchmarks_heading_are_its_results(tmp_path, capsys):
    card = "# Foo-7B\n\n## GSM8K\n\n| Model | 0-shot | 4-shot | maj@8 |\n|---|---|---|---|\n"
    card += "| Foo-7B | 40 | 42 | 55 |\n| Bar-7B | 40 | 42 | 51 |\n"
    code, found, err = read(tmp_path, capsys, card)
    assert code == 3 or found == [
        ("openai/gsm8k", "exact_match", 40), ("openai/gsm8k", "exact_match", 42), ("openai/gsm8k", "maj@8", 55),
    ], (found, err)  # fmt: skip


def test_parts_carry_their_headings_benchmark_and_metric(tmp_path, capsys):
    card = "# Coder-7B\n\n## MultiPL-E (pass@1)\n\n| Model | Python | C++ | C# | C | Avg |\n|---|---|---|---|---|---|\n"
    card += "| Coder-7B | 30 | 50 | 60 | 70 | 52 |\n| Coder-13B | 36 | 55 | 65 | 77 | 58 |\n"
    code, found, err = read(tmp_path, capsys, card, "acme/Coder-7B")
    assert len({kind for kind, _, _ in found}) == len(found) and all("multipl-e" in kind for kind, _, _ in found)
    assert {metric for _, metric, _ in found} <= {"pass@1"} and (found or code == 3), (found, err)


def test_a_cell_beside_two_benchmarks_is_asked(tmp_path, capsys):
    card = """# Foo-7B

<table>
<tr><th>Benchmark</th><th>Foo-7B</th><th>Bar-7B</th></tr>
<tr><td>MMLU</td><td rowspan=2>61.0</td><td>55</td></tr>
<tr><td>CMMLU</td><td>57</td></tr>
<tr><td>GSM8K</td><td>44.0</td><td>31</td></tr>
</table>
"""
    code, found, err = read(tmp_path, capsys, card)
    assert code == 3 and [value for _, _, value in found] == [44] and "beside several labels" in err, (found, err)


def results(tmp_path, capsys, rows, model="Foo-7B", repo="acme/Foo-7B"):
    """(exit code, {type of the data set: value}) of a table of benchmarks under the model's name and Bar-3B."""
    lines = [f"| Benchmark | {model} | Bar-3B |", "|---|---|---|", *(f"| {a} | {b} | 50.5 |" for a, b in rows)]
    code, found, _ = read(tmp_path, capsys, f"# {repo.split('/')[1]}\n\n## Results\n\n" + "\n".join(lines) + "\n", repo)
    return code, {dataset: value for dataset, _, value in found}


@pytest.mark.parametrize(
    ("repo", "label"),
    [
        ("acme/bridge-fr-it-300M", "bridge-it-fr-300M"), ("acme/pt-en-tiny", "en-pt-tiny"), ("acme/Foo-7B", "Foo-7B++"),
        ("acme/Foo-2-1-7B", "Foo-1-2-7B"), ("acme/Foo-7B", "↳ Foo-7B"), ("acme/Foo-7B", "⇒ Foo-7B"),
    ],
)  # fmt: skip
def test_languages_and_numbers_in_another_order_and_other_signs_are_asked(tmp_path, capsys, repo, label):
    assert results(tmp_path, capsys, [("MMLU", "61.5"), ("GSM8K", "44.5")], label, repo) == (3, {})


@pytest.mark.parametrize(
    ("repo", "label"),
    [
        ("facebook/foo-7b", "Meta Foo 7B"), ("acme/Foo-9B-it", "Foo 9B Instruct"), ("acme/Foo-v0.3-7B", "Foo 7B v0.3"),
        ("acme/Foo-7B-Chat", "Foo-Chat-7B"),
    ],
)  # fmt: skip
def test_sizes_kinds_and_the_owners_name_stand_anywhere(tmp_path, capsys, repo, label):
    code, found = results(tmp_path, capsys, [("MMLU", "61.5"), ("GSM8K", "44.5")], label, repo)
    assert (code, found) == (0, {"cais/mmlu": 61.5, "openai/gsm8k": 44.5})


@pytest.mark.parametrize("how", ["hidden", 'style="display: none"', 'style="color:red; text-decoration: line-through"'])
def test_what_a_cell_hides_is_no_digit_of_its_number(tmp_path, capsys, how):
    rows = [("MMLU", f"<span {how}>9</span>61.5"), ("GSM8K", f"<b {how}>44.5</b>")]
    assert results(tmp_path, capsys, rows) == (0, {"cais/mmlu": 61.5})


@pytest.mark.parametrize("row", ['<tr class="x d-none"><td>GSM8K</td>', '<tr><td class="hidden">GSM8K</td>'])
def test_what_a_style_sheet_may_hide_is_asked(tmp_path, capsys, row):
    head = "<tr><th>Benchmark</th><th>Foo-7B</th></tr><tr><td>MMLU</td><td>61.5</td></tr>"
    card = f"# Foo-7B\n\n## Results\n\n<table>{head}{row}<td>44.5</td></tr></table>\n"
    assert read(tmp_path, capsys, card)[:2] == (3, [])
    plain = card.replace("d-none", "odd").replace("hidden", "odd")
    assert len(read(tmp_path, capsys, plain)[1]) == 2


@pytest.mark.parametrize("label", ["⬇ GSM8K", "GSM8K ⇓", r"GSM8K $\downarrow$"])
def test_every_arrow_against_the_metrics_direction_is_asked(tmp_path, capsys, label):
    assert results(tmp_path, capsys, [("MMLU", "61.5"), (label, "44.5")]) == (3, {"cais/mmlu": 61.5})


@pytest.mark.parametrize("head", ["k", "n", "Setting", "Mode"])
def test_a_column_of_numbers_that_says_how_each_was_measured_is_asked(tmp_path, capsys, head):
    lines = [f"| Benchmark | {head} | Foo-7B |", "|---|---|---|", "| MBPP | 10 | 61.5 |", "| HumanEval | 100 | 44.5 |"]
    assert read(tmp_path, capsys, "# Foo-7B\n\n## Results\n\n" + "\n".join(lines))[:2] == (3, [])


@pytest.mark.parametrize("section", ["With tools and hints", "Thinking, best of 4", "No search, Basque"])
def test_a_mode_and_more_in_a_section_row_is_asked(tmp_path, capsys, section):
    lines = ["| Benchmark | Foo-7B | Bar-3B |", "|---|---|---|", f"| **{section}** | | |", "| HLE | 20.5 | 10.5 |"]
    code, found, _ = read(tmp_path, capsys, "# Foo-7B\n\n## Results\n\n" + "\n".join(lines))
    assert (code, found) == (3, [])


def test_a_benchmark_with_a_letter_of_another_alphabet_is_asked(tmp_path, capsys):
    card = "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| {} | 63.1 |\n| GSM8K | 50.2 |\n"
    code, found, err = read(tmp_path, capsys, card.format("\u041c\u041cLU"))
    assert (code, found) == (3, []) and "CYRILLIC CAPITAL LETTER EM" in err
    assert read(tmp_path, capsys, card.format("MMLU"))[0] == 0


@pytest.mark.parametrize(
    "hidden",
    ["<span style='display:none'><span>9</span></span>", "<b style='display: /**/none'>9</b>", "<i hidden>9</i>",
     "<u style='visibility&#58;hidden'>9</u>", "<span style='text-decoration:line-through'>9</span>"],
)  # fmt: skip
def test_what_a_page_does_not_show_is_no_part_of_a_number(tmp_path, capsys, hidden):
    card = "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| MMLU | {}5.0 |\n| GSM8K | 50.2 |\n"
    code, found, err = read(tmp_path, capsys, card.format(hidden))
    assert code == 0 and [value for _, _, value in found] == [5, 50.2], err
    assert [value for _, _, value in read(tmp_path, capsys, card.format("<i>6</i>"))[1]] == [65, 50.2]


LINK = "Detailed results can be found [here](https://huggingface.co/datasets/open-llm-leaderboard/{})\n\n"
BLOCK = (
    "# {title}\n\n## [Open LLM Leaderboard Evaluation Results](https://huggingface.co/spaces/x/open_llm_leaderboard)\n"
)
SCORES = "| Metric |Value|\n|---|---:|\n|MMLU (5-Shot)|64.10|\n|GSM8k (5-shot)|50.20|\n"


@pytest.mark.parametrize("form", ["details_me__{}", "me__{}-details"])
def test_the_link_to_a_leaderboards_items_says_whose_results_they_are(tmp_path, capsys, form):
    def asked(title, name):
        card = BLOCK.format(title=title) + LINK.format(form.format(name)) + SCORES
        return read(tmp_path, capsys, card, "me/Foo-7B-DPO")

    code, found, err = asked("# Foo-7B-DPO\n\n", "Foo-7B-SFT")
    assert (code, found) == (3, []) and "the card links the results of Foo-7B-SFT" in err
    for title in ("# Foo-7B-DPO\n\n", ""):
        code, found, err = asked(title, "Foo-7B-DPO")
        assert code == 0 and [value for _, _, value in found] == [64.1, 50.2], err


@pytest.mark.parametrize(
    "text", ["These are error rates.", "All numbers are of Foo-13B.", "`lm_eval --model_args pretrained=acme/Bar-7B`"]
)  # fmt: skip
def test_a_short_second_paragraph_below_is_looked_at(tmp_path, capsys, text):
    card = (
        "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| MMLU | 63.1 |\n\nWe evaluate our model.\n\n"
    )
    assert read(tmp_path, capsys, card)[0] == 0
    assert read(tmp_path, capsys, card + text + "\n")[0] == 3
    if text.startswith("`"):
        fence = "```bash\n" + text.strip("`") + "\n```\n"
        assert read(tmp_path, capsys, card + fence)[0] == 3


@pytest.mark.parametrize("head", ["Samples", "Votes", "Bits", "Temperature", "Epoch", "Training steps"])
def test_a_column_of_numbers_that_say_how_a_row_was_measured_is_asked(tmp_path, capsys, head):
    card = (
        "# Foo-7B\n\n## Evaluation\n\n| Model | {} | MMLU | GSM8K |\n|---|---|---|---|\n| Foo-7B | 4 | 61.0 | 50.0 |\n"
    )
    code, found, err = read(tmp_path, capsys, card.format(head))
    assert (code, found) == (3, []) and "says how a row was measured" in err
    assert read(tmp_path, capsys, card.format("Parameters (B)").replace("| 4 |", "| 7 |"))[0] == 0


@pytest.mark.parametrize("name", ["KL drop", "Over-refusal", "WER ratio", "Gap to human"])
def test_a_name_that_nobody_knows_and_that_tells_is_no_score(tmp_path, capsys, name):
    card = "# Foo-7B\n\n## Evaluation\n\n| Benchmark | Foo-7B |\n|---|---|\n| MMLU | 61.0 |\n| {} | 3.0 |\n"
    code, found, _ = read(tmp_path, capsys, card.format(name))
    assert code == 3 and 3.0 not in [value for _, _, value in found]
    assert read(tmp_path, capsys, card.format("NewBench"))[0] == 0


@pytest.mark.parametrize(
    ("heading", "whole"),
    [("Multilingual (MGSM)", "Multilingual, MGSM"), ("Multilingual [MGSM]", "Multilingual, MGSM"),
     ("Code (HumanEval-X)", "Code, HumanEval-X")],
)  # fmt: skip
def test_a_name_made_of_a_heading_closes_its_brackets(tmp_path, capsys, heading, whole):
    rows = (
        "| | de | fr | Average |\n|---|---|---|---|\n| Foo-7B | 52.8 | 54.0 | 53.4 |\n| Bar-7B | 35.2 | 36.0 | 35.6 |\n"
    )
    path = tmp_path / "card.md"
    path.write_text(f"# Foo-7B\n\n## {heading}\n\n{rows}", encoding="utf-8")
    argv = ["extract-readme", "--repo-id", "acme/Foo-7B", "--card", str(path), "--all-tables", "--json"]
    code = evaluation_manager.main(argv)
    names = [row["benchmark"] for row in json.loads(capsys.readouterr().out)["results"]]
    assert code == 0 and names == [f"{name} ({whole})" for name in ("de", "fr", "Average")]
