"""check_contamination.py: what is planted is found, what is known to be a false positive is not, and the numbers."""

import base64
import bz2
import contextlib
import gzip
import hashlib
import itertools
import json
import lzma
import os
import random
import re
import shlex
import subprocess
import sys
import textwrap
import uuid
import zlib
from pathlib import Path
from types import SimpleNamespace

import check_contamination as cc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contamination_guises import GUISES, STRANGERS, make_questions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "contamination"
TINY = ROOT / "examples" / "tiny_run"
ALL_RULES = ["longest", "13-gram", "8-gram", "50-char"]

FILLER = (
    "The harbour lay quiet under a pale sky while two old sailors argued about the price of rope. Nobody else had come "
    "down to the pier that morning, and the gulls were left to their own affairs until the ferry returned at noon.\n"
)
QUESTION = (
    "A baker sells forty loaves before noon and half as many after lunch, but three customers bring their bread back "
    "because it tastes of soap; how many loaves were kept by the people of the village?"
)
OTHER = (
    "Seven painters need nine days for a wall of the castle, and each of them drinks two cups of coffee an hour; how "
    "much coffee must the duchess order when only five painters turn up on a cold Monday in March?"
)


def write_items(path: Path, *texts: str, **more: list) -> Path:
    """A file of items q0, q1, ..."""
    rows = [{"id": f"q{i}", "question": text} | {k: v[i] for k, v in more.items()} for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def items(tmp_path):
    """Two items, of which the tests plant the first."""
    return write_items(tmp_path / "quiz.jsonl", QUESTION, OTHER, answer=["57", "90"])


def check(capsys, *arguments, code=None):
    """(the JSON document of a run, stderr); the exit code is checked when it is given."""
    got = cc.main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert code is None or got == code, err
    return (json.loads(out) if out else None), err


def fail(capsys, *arguments, code=2):
    """The error line of a run that must fail with an empty stdout."""
    assert cc.main([*map(str, arguments)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    error = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    return error[0]


def suspects(document):
    """The ids of the suspect items."""
    return [one["sample_id"] for one in document["suspects"]]


def scan(texts, training, rules=("longest",), filtered=False, setting=None):
    """(judged items, what was found) of items in files that exist already."""
    setting = setting or cc.ScanSettings()
    own = [cc.BenchmarkItem("t", f"q{i}", text) for i, text in enumerate(texts)]
    sources = cc.find_sources([str(training)], (), setting, ())
    return cc.check_items(own, sources, [cc.MATCH_RULES[name] for name in rules], cc.Filter(filtered), setting)


# --- planted items are found ---

VARIANTS = {
    "verbatim": QUESTION,
    "case": QUESTION.upper(),
    "punctuation": re.sub(r"\W+", " — ", QUESTION),
    "split over lines": QUESTION.replace(" ", "\n   "),
    "markdown": "> " + re.sub(r"\b(half|soap)\b", r"**\1**", QUESTION).replace(",", "\n>"),
    "typographic": QUESTION.replace("because", "becau\u00adse").replace("village", "ｖｉｌｌａｇｅ"),
    "accents": QUESTION.replace("forty", "fo\u0301rty").replace("soap", "söap"),
    "ligatures and breaks": QUESTION.replace("after", "a\ufb05er".replace("\ufb05", "ft")).replace(" ", "\u2028"),
}


@pytest.mark.parametrize("rule", ALL_RULES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_planted_item_is_found(tmp_path, capsys, items, rule, variant):
    training = tmp_path / "corpus.txt"
    training.write_text(FILLER * 3 + VARIANTS[variant] + "\n" + FILLER, encoding="utf-8")
    document, _ = check(capsys, "--training", training, "--items", items, "--rule", rule, code=1)
    assert suspects(document) == ["q0"]
    assert document["rules"][0] | {"suspect": 1, "clean": 1, "too_short_to_judge": 0} == document["rules"][0]
    match = document["suspects"][0]["matches"][0]
    assert match["file"] == str(training)
    assert match["line"] == 4
    assert match["text"].casefold()[:1] == "a"
    assert match["before"].endswith("noon.") or variant == "markdown"


@pytest.mark.parametrize("rule", ALL_RULES)
def test_text_without_items_is_clean(tmp_path, capsys, items, rule):
    (tmp_path / "corpus.txt").write_text(FILLER * 50)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", items, "--rule", rule, code=0)
    assert document["verdict"] == "no contamination found"
    assert document["rules"][0]["clean"] == 2
    assert cc.main(["--training", str(tmp_path / "corpus.txt"), "--items", str(items), "--rule", rule]) == 0
    assert "paraphrases are not looked for" in capsys.readouterr().out


def write_corpus(folder: Path, suffix: str, rows: list[str]) -> Path:
    """The rows in one of the formats."""
    path = folder / f"corpus{suffix}"
    text = ("\n".join(rows) + "\n").encode()
    lines = "".join(json.dumps({"text": row, "n": i}) + "\n" for i, row in enumerate(rows)).encode()
    table = pa.table({"text": rows, "n": list(range(len(rows)))})
    packers = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": cc.zstandard().compress}
    if suffix == ".parquet":
        pq.write_table(table, path, row_group_size=3)
    elif suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    elif suffix == ".file.arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    elif suffix == ".array.json":
        path.write_text(json.dumps([{"text": row} for row in rows], indent=1))
    else:
        content = lines if ".json" in suffix else text
        path.write_bytes(packers.get(path.suffix, bytes)(content))
    return path


SUFFIXES = [
    ".txt", ".md", ".jsonl", ".json", ".array.json", ".parquet", ".arrow", ".file.arrow",
    ".jsonl.gz", ".json.gz", ".txt.gz", ".jsonl.zst", ".txt.zst", ".jsonl.bz2", ".jsonl.xz",
]  # fmt: skip


@pytest.mark.parametrize("rule", ["longest", "50-char"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(tmp_path, capsys, items, suffix, rule):
    rows = [FILLER.strip()] * 10 + [f"{FILLER[:50]} {QUESTION} {FILLER[:50]}"] + [FILLER.strip()] * 5
    training = write_corpus(tmp_path, suffix, rows)
    document, _ = check(capsys, "--training", training, "--items", items, "--rule", rule, code=1)
    assert suspects(document) == ["q0"]
    match = document["suspects"][0]["matches"][0]
    plain = ".json" not in suffix
    kind = "row" if suffix in (".parquet", ".arrow", ".file.arrow", ".array.json") else "line"
    assert match[kind] == 11
    assert document["training"]["documents"] == (1 if plain and kind == "line" else 16)
    if "byte" in match:
        opened = cc.open_packed(
            str(training), "".join(training.suffixes[-1:]) if training.suffix in cc.PACKED_SUFFIXES else ""
        )
        content = opened.read()[match["byte"] :]
        assert content.startswith(b"A baker" if plain else b'{"text"')


def test_no_match_goes_over_two_documents(tmp_path, capsys, items):
    own = QUESTION.split()
    rows = [" ".join(own[:20]), " ".join(own[20:])]
    for suffix, code in ((".jsonl", 0), (".parquet", 0), (".txt", 1)):
        training = write_corpus(tmp_path, suffix, rows)
        arguments = ("--training", training, "--items", items, "--min-share", 0.8)
        document, _ = check(capsys, *arguments, code=code)
        assert len(suspects(document)) == code


def test_long_documents_are_scanned_in_blocks(tmp_path):
    rows = [FILLER * 4, FILLER * 20 + QUESTION + FILLER * 20, FILLER]
    for suffix in (".jsonl", ".parquet"):
        training = write_corpus(tmp_path, suffix, rows)
        judged, found = scan([QUESTION, OTHER], training, ALL_RULES, setting=cc.ScanSettings(block=700))
        assert [one.suspect for one in judged] == [True, False]
        assert judged[0].places == 1
        assert judged[0].matches[0].place.number == 2
        assert found.documents == 3


# --- the answer does not depend on how the text is cut ---


def answer(judged, found):
    """All that is shown of a scan."""
    shown = [(one.facts, one.status, one.matches, one.places) for one in judged]
    counts = (found.bytes, found.documents, found.lines, found.replaced, found.unreadable, found.without_text)
    return shown, counts, sorted(found.problems)[: cc.MOST_PROBLEMS]


def hostile_text(seed: int) -> bytes:
    """Text with copies of items at random places, cut, changed, with broken UTF-8 and scripts of many kinds."""
    rng = random.Random(seed)
    words = [*(FILLER + QUESTION + OTHER).split(), "東京都", "naïve", "Ωmega", "“so”", "\u00ad", "🙂", "ไทย", "İ", "ﬃ"]
    pieces = []
    for _ in range(300):
        kind = rng.random()
        source = rng.choice([QUESTION, OTHER, EAST]).split()
        if kind < 0.15:
            a = rng.randrange(len(source))
            pieces.append((rng.choice([" ", "\n", ", ", "\u2014"])).join(source[a : a + rng.randrange(1, 40)]))
        elif kind < 0.18:
            pieces.append(rng.choice([QUESTION, OTHER, EAST]))
        else:
            pieces.append(" ".join(rng.choices(words, k=rng.randrange(1, 30))))
    text = rng.choice([" ", "\n", "\r\n"]).join(pieces).encode()
    broken = bytearray(text)
    for _ in range(20):
        broken[rng.randrange(len(broken))] = rng.choice([0xFF, 0xC3, 0x80, 0, 1, 10, 0xE2])
    return bytes(broken)


EAST = "東京都の天気は今日とても良いので、私たちは公園へ散歩に行きました。そして明日は雨が降るそうです。"


@pytest.mark.parametrize("seed", range(4))
def test_chunk_size_does_not_change_the_answer(tmp_path, seed):
    training = tmp_path / "corpus.txt"
    training.write_bytes(hostile_text(seed))
    expected = answer(*scan([QUESTION, OTHER, EAST], training, ALL_RULES))
    assert expected[0][0][0].longest > 20
    for block, part in ((64, 2**26), (257, 1000), (4096, 2500), (2**18, 611)):
        setting = cc.ScanSettings(block=block, part=part)
        assert answer(*scan([QUESTION, OTHER, EAST], training, ALL_RULES, setting=setting)) == expected


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".jsonl.gz"])
def test_chunk_size_does_not_change_the_answer_of_rows(tmp_path, suffix):
    rows = hostile_text(9).replace(b"\0", b" ").decode("utf-8", "replace").split("\n")
    rows = [" ".join(rows[i : i + 3]) for i in range(0, len(rows), 3)]
    rows += [QUESTION, OTHER + " " + QUESTION] * 3
    training = write_corpus(tmp_path, suffix, rows)
    expected = answer(*scan([QUESTION, OTHER, EAST], training, ALL_RULES))
    for block, part in ((64, 2**26), (300, 900), (2000, 5000)):
        setting = cc.ScanSettings(block=block, part=part)
        assert answer(*scan([QUESTION, OTHER, EAST], training, ALL_RULES, setting=setting)) == expected


def test_bad_lines_are_numbered_alike_however_the_file_is_cut(tmp_path):
    lines = [json.dumps({"text": FILLER}) for _ in range(40)]
    for i in (3, 17, 18, 30):
        lines[i] = "{broken"
    lines[20] = json.dumps({"text": None})
    lines[25] = "17"
    training = tmp_path / "corpus.jsonl"
    training.write_text("\n".join(lines))
    for part in (2**26, 1000, 250):
        _, found = scan([QUESTION], training, setting=cc.ScanSettings(part=part))
        assert [number for _, number, _, _ in sorted(found.problems)] == [4, 18, 19, 26, 31]
        assert (found.rows, found.unreadable, found.without_text, found.documents) == (40, 5, 1, 34)


def test_processes_do_not_change_the_answer(tmp_path, monkeypatch):
    for i in range(3):
        (tmp_path / f"corpus{i}.txt").write_bytes(hostile_text(i))
    write_corpus(tmp_path, ".jsonl", [FILLER, QUESTION, OTHER])
    setting = cc.ScanSettings(part=5000)
    expected = answer(*scan([QUESTION, OTHER, EAST], tmp_path, ALL_RULES, setting=setting))
    monkeypatch.setattr(cc, "ONE_PROCESS", 0)
    setting = cc.ScanSettings(part=5000, workers=2)
    assert answer(*scan([QUESTION, OTHER, EAST], tmp_path, ALL_RULES, setting=setting)) == expected


def test_an_error_in_a_process_reaches_the_user(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(FILLER)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(os.urandom(9000).hex().encode() * 20)[:-3000])
    monkeypatch.setattr(cc, "ONE_PROCESS", 0)
    with pytest.raises(cc.ScriptError, match=r"b\.txt\.gz: damaged"):
        scan([QUESTION], tmp_path, setting=cc.ScanSettings(workers=2))


def test_order_of_files_does_not_change_the_answer(tmp_path, capsys, items):
    names = []
    for i in range(3):
        names.append(tmp_path / f"part{i}.txt")
        names[-1].write_bytes(hostile_text(i))
    documents = []
    for order in itertools.permutations(names):
        document, _ = check(capsys, "--training", *order, "--items", items, "--rule", *ALL_RULES)
        assert document["training"].pop("sources") == list(map(str, order))
        documents.append(document)
    assert all(document == documents[0] for document in documents)


def test_a_file_that_is_named_twice_counts_once(tmp_path, capsys, items):
    (tmp_path / "corpus").mkdir()
    training = tmp_path / "corpus" / "a.txt"
    training.write_text(FILLER + QUESTION)
    document, _ = check(capsys, "--training", training, training.parent, "--items", items, code=1)
    assert document["training"]["files"] == 1
    assert document["suspects"][0]["places"] == 1


# --- against plain matching, one pair of places after the other ---


def says_something(window: list[str]) -> bool:
    """Whether eight words do not only repeat some of them."""
    return all(window[period:] != window[:-period] for period in (1, 2, 3, 4))


def plain_longest(item: list[str], text: list[str]) -> int:
    """The longest run of equal words that has a window of eight which does not repeat up to four words."""
    best = 0
    for i in range(len(item)):
        for j in range(len(text)):
            if i and j and item[i - 1] == text[j - 1]:
                continue
            n = 0
            while i + n < len(item) and j + n < len(text) and item[i + n] == text[j + n]:
                n += 1
            windows = [item[i + k : i + k + 8] for k in range(n - 7)]
            if any(map(says_something, windows)):
                best = max(best, n)
    return best


words = st.lists(st.sampled_from(["ash", "birch", "cedar"]), min_size=1, max_size=30)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, min_size=1, max_size=4), st.lists(words, min_size=1, max_size=5), st.integers(16, 80))
def test_longest_run_is_that_of_plain_matching(tmp_path, own, text, block):
    joined = list(itertools.chain(*text))
    training = tmp_path / "corpus.txt"
    training.write_text("\n".join(" ".join(piece) for piece in text))
    judged, _ = scan([" ".join(item) for item in own], training, setting=cc.ScanSettings(block=block))
    assert [one.facts.longest for one in judged] == [plain_longest(item, joined) for item in own]
    for item, one in zip(own, judged, strict=True):
        windows = [item[i : i + 8] for i in range(len(item) - 7)]
        windows = list(filter(says_something, windows))
        there = {tuple(joined[i : i + 8]) for i in range(len(joined) - 7)}
        assert one.facts.windows == len(windows)
        assert one.facts.windows_found == sum(tuple(w) in there for w in windows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 120), st.integers(30, 90), st.text("абв xyz東, ", max_size=60), st.integers(30, 300))
def test_fifty_characters_are_found_wherever_they_are(tmp_path, begin, length, around, block):
    item = "Жил был cat у старого мельника, и никто not knew почему он так долго смотрел на реку и молчал целыми днями."
    letters = [c for c in item if c.isalnum()]
    piece = "".join(letters[begin : begin + length])
    training = tmp_path / "corpus.txt"
    training.write_text(f"{around} next {piece} thus {around}", encoding="utf-8")
    (judged,), _ = scan([item], training, ["50-char"], setting=cc.ScanSettings(block=block))
    longest = judged.facts.longest_characters
    assert longest >= len(piece) if len(piece) >= 50 else longest == 0 or longest >= 50
    assert longest <= len(piece) + 2 * len(around) + 8


def test_fifty_characters_are_enough_at_every_place_of_an_item(tmp_path):
    letters = re.sub(r"\W", "", QUESTION + OTHER)[:160]
    for begin in range(0, len(letters) - 50, 3):
        for length, status in ((49, cc.CLEAN), (50, cc.SUSPECT)):
            training = tmp_path / "corpus.txt"
            training.write_text(f"9 {letters[begin : begin + length]} 9")
            (judged,), _ = scan([letters], training, ["50-char"])
            assert judged.status == {"50-char": status}, (begin, length)


@pytest.mark.parametrize("side", ["before", "behind"])
def test_half_a_character_is_none(tmp_path, side):
    # Both end (or begin) with a letter whose first (or second) byte is equal and the other is not.
    equal = "жил был у старого мельника кот и никто не знал почему он молчал"
    letters = equal.replace(" ", "")[:49]
    ours, theirs = ("а", "б") if side == "behind" else ("\u0430", "\u04b0")  # d0 b0, d0 b1; d0 b0, d2 b0
    training = tmp_path / "corpus.txt"
    item = letters + ours + "x" * 5 if side == "behind" else "x" * 5 + ours + letters
    training.write_text(f"7 {letters + theirs}" if side == "behind" else f"7 {theirs + letters} 7", encoding="utf-8")
    (judged,), _ = scan([item], training, ["50-char"])
    assert judged.status == {"50-char": cc.CLEAN}


def test_words_far_from_each_other_are_one_match(tmp_path):
    training = tmp_path / "corpus.txt"
    training.write_text(FILLER * 3 + QUESTION.replace(" ", " \n...---\t" * 300) + FILLER)
    for block in (1000, 2**18):
        judged, _ = scan([QUESTION], training, ALL_RULES, setting=cc.ScanSettings(block=block))
        assert judged[0].facts.longest == len(QUESTION.split())
        assert judged[0].facts.longest_characters == len(re.sub(r"\W", "", QUESTION))
        assert judged[0].places == 1


def test_small_capitals_and_invisible_tags_are_the_letters_that_they_stand_for():
    small = str.maketrans("abcdefgh", "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c")
    tags = "".join(chr(0xE0000 + ord(c)) for c in "Face 8")
    found = cc.Folded(f"{'facade beach'.translate(small)} {tags}".encode()).data.decode()
    assert found == "facade beach face 8"


@given(st.text(max_size=40), st.text(max_size=40))
def test_folding_goes_character_by_character(one, other):
    def fold(text):
        return cc.Folded(text.encode("utf-8", "replace").replace(cc.SEPARATOR, b" "))

    assert fold(one + other).data == fold(one).data + fold(other).data
    assert fold(one).data.decode() == b"".join(cc.fold_character(c) for c in one.replace("\x01", " ")).decode()


@given(st.text(max_size=60))
def test_folded_places_lead_back_to_the_original(text):
    raw = text.encode("utf-8", "replace").replace(cc.SEPARATOR, b" ")
    folded = cc.Folded(raw)
    starts = np.cumsum([0, *(len(c.encode("utf-8", "replace")) for c in raw.decode())])
    places = [start for start, c in zip(starts, raw.decode(), strict=False) for _ in cc.fold_character(c)]
    assert folded.raw_offsets(np.arange(len(places))).tolist() == places
    assert len(folded.data) == len(places)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_keep_their_places(raw):
    raw = raw.replace(cc.SEPARATOR, b" ")
    clean, count = cc.without_errors(raw)
    assert len(clean) == len(raw)
    clean.decode()
    assert (count == 0) == (clean == raw)
    assert cc.Folded(raw).data == cc.Folded(clean).data


def test_equal_hashes_of_unequal_words_are_no_match(tmp_path, monkeypatch):
    monkeypatch.setattr(cc, "word_hashes", lambda data, starts, ends: (ends - starts).astype(np.uint64))
    training = tmp_path / "corpus.txt"
    changed = QUESTION.replace("noon", "dusk").replace("soap", "milk")
    training.write_text(f"{changed} {OTHER[::-1]}")
    (judged,), _ = scan([QUESTION], training)
    words = cc.Folded(QUESTION.encode()).data.split()
    runs = [len(list(run)) for word, run in itertools.groupby(words, lambda w: w in (b"noon", b"soap")) if not word]
    assert judged.facts.longest == max(runs)


def test_stretches_of_equal_words():
    assert list(cc.equal_stretches([b"a", b"b"], [b"a", b"b"])) == [(0, 2)]
    assert list(cc.equal_stretches([b"a", b"x", b"c"], [b"a", b"b", b"c"])) == [(0, 1), (2, 1)]
    assert list(cc.equal_stretches([b"a"], [b"b"])) == []


def test_text_that_repeats_itself_takes_no_time(tmp_path):
    training = tmp_path / "corpus.txt"
    training.write_text("0 " * 200_000 + FILLER + "a b " * 100_000 + FILLER + QUESTION)
    judged, _ = scan(["0 " * 2000 + QUESTION, "a b " * 1000], training, ALL_RULES)
    assert judged[0].facts.longest == len(QUESTION.split())
    assert judged[1].facts.longest == 0


# --- known false positives are not flagged (GOLDEN_NUMBERS, row 53) ---

FALSE_POSITIVES = {
    "truth table": "Construct a complete truth table for the following argument. Then, using the truth table, "
    "determine whether the argument is valid or invalid. If the argument is invalid, choose an option which presents a "
    "counterexample. (There may be other counterexamples as well.)",
    "truth table, cut": "Construct a complete truth table for the following argument. Then, using the truth",
    "binomial": r"\frac{\binom{10}{3} \cdot \binom{8}{2}}{\binom{18}{5}} = \frac{10!}{3!\,7!} \cdot \frac{8!}{2!\,6!}",
    "binomial, n": r"$\binom{n}{k} = \frac{n!}{k!(n-k)!} = \frac{n (n-1) (n-2) \cdots (n-k+1)}{k (k-1) \cdots 1}$",
    "tan": r"\tan(A+B) = \frac{\tan A + \tan B}{1 - \tan A \tan B}",
    "tan, greek": r"\[\tan(\alpha + \beta) = \frac{\tan \alpha + \tan \beta}{1 - \tan \alpha \tan \beta}\]",
    "tan, plain": "tan(x + y) = (tan x + tan y) / (1 - tan x tan y); tan 2x = 2 tan x / (1 - tan^2 x)",
    "numbers": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
}


@pytest.mark.parametrize("name", FALSE_POSITIVES)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in an item"])
def test_known_false_positive_is_not_flagged(tmp_path, capsys, name, alone):
    text = FALSE_POSITIVES[name]
    item = text if alone else f"{text} {QUESTION}"
    own = write_items(tmp_path / "quiz.jsonl", item, OTHER)
    training = tmp_path / "corpus.txt"
    training.write_text(f"{FILLER} {text} {FILLER}")
    document, _ = check(capsys, "--training", training, "--items", own, "--rule", *ALL_RULES, code=0)
    assert document["suspects"] == []
    short = {one["sample_id"]: one["rules"] for one in document["too_short"]}
    assert short == ({"q0": ALL_RULES} if alone else {})  # alone it is nothing to judge, and not clean either
    # It is the filter that keeps it out, not chance.
    document, _ = check(
        capsys, "--training", training, "--items", own, "--rule", "13-gram", "50-char", "--no-filter", code=1
    )
    assert suspects(document) == ["q0"]


def test_an_item_with_a_formula_is_found_by_its_words(tmp_path, capsys):
    text = f"{QUESTION} $\\frac{{x + 1}}{{x - 1}} = \\sqrt{{2}}$"
    own = write_items(tmp_path / "quiz.jsonl", text)
    (tmp_path / "corpus.txt").write_text(FILLER + text)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, "--rule", *ALL_RULES, code=1)
    assert document["suspects"][0]["rules"] == ALL_RULES
    assert document["suspects"][0]["words"] > document["suspects"][0]["words_counted"]


def test_formula_words():
    def marked(text):
        raw = text.encode()
        folded = cc.Folded(raw)
        words = folded.data.split()
        return [w.decode() for w, flag in zip(words, cc.formula_words(raw, folded, words), strict=True) if flag]

    assert marked("Natalia sold clips to 48 of her friends in April, and I have a dog") == []
    assert marked(r"Find $\frac{a}{b}$ now") == ["frac", "a", "b"]
    assert marked(r"öde \left( x \right) été") == ["left", "x", "right"]
    assert marked("the sum 3 + 4 + 5 + 6 is") == ["3", "4", "5", "6"]
    assert marked("tan A of it") == ["tan", "a"]


def test_what_many_items_share_is_boilerplate(tmp_path, capsys):
    header = "Read the story of the lighthouse keeper with care and then say in one word who is right about it:"
    own = [f"{header} {i} {word}" for i, word in enumerate(FILLER.split()[:30])]
    path = write_items(tmp_path / "quiz.jsonl", *own, f"{header} {QUESTION}")
    training = tmp_path / "corpus.txt"
    training.write_text(FILLER + header)
    arguments = ("--training", training, "--items", path)
    # The template stands in the text, none of its variants does.
    document, _ = check(capsys, *arguments, code=0)
    assert document["rules"][0]["clean"] == 31
    training.write_text(FILLER + own[7] + "\n" + own[9][:-9])
    document, _ = check(capsys, *arguments, code=1)
    assert suspects(document) == ["q7"]
    training.write_text(FILLER + header)
    document, _ = check(capsys, *arguments, "--no-filter", code=1)
    assert len(document["suspects"]) == 30
    document, _ = check(capsys, *arguments, "--boilerplate-items", 31, code=1)
    assert len(document["suspects"]) == 30
    training.write_text(FILLER + header + QUESTION)
    document, _ = check(capsys, *arguments, "--rule", *ALL_RULES, code=1)
    assert suspects(document) == ["q30"]


def test_a_run_goes_on_over_boilerplate_within_it(tmp_path):
    shared = "the last line of the answer must be of the form answer colon dollar"
    first, second = QUESTION.split(";")
    own = [f"{first} {shared} {second}", *(f"{word} {shared}" for word in FILLER.split()[:20])]
    training = tmp_path / "corpus.txt"
    training.write_text(FILLER + own[0] + FILLER)
    judged, _ = scan(own, training, ["longest"], filtered=True)
    assert judged[0].facts.longest == judged[0].facts.counted == len(QUESTION.split())
    assert judged[0].matches[0].length == judged[0].facts.words


# --- the rules ---


def facts(**changes):
    base = {"words": 40, "counted": 40, "longest": 0, "windows": 33, "windows_found": 0, "characters": 200}
    return cc.Facts(**{**base, "longest_characters": 0, "passage": changes.get("longest", 0), **changes})


def test_shares_are_exact():
    for whole in range(1, 2000):
        assert cc.least_share(cc.MATCH_RULES["8-gram"], whole) == -(-7 * whole // 10)
        assert cc.least_share(cc.MATCH_RULES["longest"], whole) == -(-whole // 2)
        assert cc.least_share(cc.replace(cc.MATCH_RULES["longest"], share=0.55), whole) == -(-55 * whole // 100)


def test_every_known_instruction_can_be_recognized():
    for text in cc.BOILERPLATE:
        assert len(cc.Folded(text.encode()).data.split()) >= cc.WORD_WINDOW, text


@pytest.mark.parametrize(
    ("rule", "changes", "status"),
    [
        ("longest", {"longest": 20}, cc.SUSPECT),
        ("longest", {"longest": 19}, cc.CLEAN),
        ("longest", {"counted": 8, "longest": 7}, cc.CLEAN),
        ("longest", {"counted": 8, "longest": 8}, cc.SUSPECT),
        ("longest", {"counted": 7, "longest": 7}, cc.TOO_SHORT),
        ("13-gram", {"longest": 13}, cc.SUSPECT),
        ("13-gram", {"longest": 12}, cc.CLEAN),
        ("13-gram", {"counted": 12, "longest": 12}, cc.TOO_SHORT),
        ("8-gram", {"windows": 10, "windows_found": 7}, cc.SUSPECT),
        ("8-gram", {"windows": 10, "windows_found": 6}, cc.CLEAN),
        ("8-gram", {"windows": 0}, cc.TOO_SHORT),
        ("8-gram", {"counted": 7}, cc.TOO_SHORT),
        ("50-char", {"longest_characters": 50}, cc.SUSPECT),
        ("50-char", {"longest_characters": 49}, cc.CLEAN),
        ("50-char", {"characters": 49, "longest_characters": 49}, cc.TOO_SHORT),
    ],
)
def test_thresholds(rule, changes, status):
    assert cc.item_status(cc.MATCH_RULES[rule], facts(**changes)) == status


def test_the_longest_rule_can_be_changed(tmp_path, capsys, items):
    training = tmp_path / "corpus.txt"
    training.write_text(FILLER + " ".join(QUESTION.split()[:12]))
    arguments = ("--training", training, "--items", items)
    check(capsys, *arguments, code=0)
    document, _ = check(capsys, *arguments, "--min-share", 0.3, code=1)
    assert document["rules"][0]["share"] == 0.3
    check(capsys, *arguments, "--min-share", 0.3, "--min-words", 13, code=0)
    assert "belong to --rule longest" in fail(capsys, *arguments, "--rule", "13-gram", "--min-share", 0.3)
    assert "at least 8" in fail(capsys, *arguments, "--min-words", 5)
    assert "between 0 and 1" in fail(capsys, *arguments, "--min-share", 1.5)


def test_rules_differ_as_they_should(tmp_path, capsys):
    # 13 equal words of a long item: a 13-gram, but neither most of the item nor most of its windows.
    own = write_items(tmp_path / "quiz.jsonl", f"{QUESTION} {OTHER}")
    (tmp_path / "corpus.txt").write_text(FILLER + " ".join(QUESTION.split()[:14]))
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, "--rule", *ALL_RULES, code=1)
    assert document["suspects"][0]["rules"] == ["13-gram", "50-char"]
    # In four stretches of 8 to 12 words, with one strange word between them: most windows of no rule's run.
    words = QUESTION.split()
    (tmp_path / "corpus.txt").write_text(
        " ".join(f"{word} {'zebra' if i % 16 == 15 else ''}" for i, word in enumerate(words))
    )
    own = write_items(tmp_path / "quiz.jsonl", QUESTION)
    document, _ = check(
        capsys,
        "--training",
        tmp_path / "corpus.txt",
        "--items",
        own,
        "--rule",
        "longest",
        "13-gram",
        "--gap",
        0,
        code=1,
    )
    assert document["suspects"][0]["rules"] == ["13-gram"]


def test_the_longest_match_counts_and_not_the_union_of_many(tmp_path):
    # GOLDEN_NUMBERS, row 54: three stretches of 31 words are most of the item, but none of them is half of it.
    rng = random.Random(5)
    words = [f"w{rng.randrange(10**6)}x" for _ in range(96)]
    training = tmp_path / "corpus.txt"
    training.write_text(" ".join("other" if i % 32 == 31 else word for i, word in enumerate(words)))
    (judged,), _ = scan([" ".join(words)], training, ["longest", "8-gram"], setting=cc.ScanSettings(gap=0))
    assert judged.facts.windows_found == 3 * 24
    assert judged.status == {"longest": cc.CLEAN, "8-gram": cc.SUSPECT}
    (judged,), _ = scan([" ".join(words)], training)  # a word in 32 that differs is let pass
    assert (judged.facts.longest, judged.facts.passage) == (31, 93)
    assert judged.status == {"longest": cc.SUSPECT}
    assert cc.build_parser().parse_args(["--training", "a", "--items", "b"]).rule is None
    assert cc.chosen_rules(cc.build_parser().parse_args(["--training", "a", "--items", "b"])) == (
        cc.MATCH_RULES["longest"],
    )


def test_items_too_short_are_neither_clean_nor_suspect(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", "What is 2 plus 2?", "Name a colour.", QUESTION, "", OTHER)
    (tmp_path / "corpus.txt").write_text(FILLER + "What is 2 plus 2? Name a colour.")
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=3)
    assert document["verdict"] == "undecided"
    assert document["rules"][0]["too_short_to_judge"] == 3
    assert document["rules"][0]["clean"] == 2
    assert [one["sample_id"] for one in document["too_short"]] == ["q0", "q1", "q3"]


# --- bad input ---


def test_a_row_too_deep_to_be_read_is_a_damaged_file(tmp_path, capsys, items):
    path = tmp_path / "deep.jsonl"
    path.write_text(json.dumps({"text": FILLER}) + '\n{"text": "x", "n": ' + "[" * 900 + "]" * 900 + "}\n")
    assert "--skip-broken" in fail(capsys, "--training", path, "--items", items)


@pytest.mark.parametrize(
    "inside",
    ["&shy;", "<wbr>", "&zwnj;", "&#8203;", "\\u00ad", "\\u200b", "\\-", "</b>", '</i></b><span class="x">', "&#xad;"],
)
def test_what_a_reader_sees_as_nothing_parts_no_word(tmp_path, capsys, items, inside):
    words = [f"{word[:2]}{inside}{word[2:]}" if len(word) > 4 else word for word in QUESTION.split()]
    path = tmp_path / "corpus.txt"
    path.write_text(f"{FILLER}\n{' '.join(words)}\n{FILLER}")
    assert suspects(check(capsys, "--training", path, "--items", items, code=1)[0]) == ["q0"]


@pytest.mark.parametrize("packed", [".gz", ".zst", ".bz2", ".xz"])
@pytest.mark.parametrize("damage", ["truncated", "not packed at all"])
def test_damaged_packed_file(tmp_path, capsys, items, packed, damage):
    rng = random.Random(1)
    rows = [FILLER, QUESTION] + ["".join(rng.choices("abcdefgh ", k=800)) for _ in range(2000)]
    path = write_corpus(tmp_path, f".jsonl{packed}", rows)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3] if damage == "truncated" else b"plain text\n" * 100)
    error = fail(capsys, "--training", path, "--items", items)
    assert str(path) in error
    assert "--skip-broken" in error
    document, _ = check(capsys, "--training", path, "--items", items, "--skip-broken")
    if damage == "truncated":
        assert document["verdict"] in ("contamination found", "undecided")
        assert len(document["training"]["broken_files"]) == 1


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, lambda data: lzma.compress(data, lzma.FORMAT_ALONE)])
@pytest.mark.parametrize("between", [b"", bytes(8), bytes(70000), b"x", None])
def test_a_packed_file_is_read_to_its_very_end(tmp_path, capsys, items, pack, between):
    """Python's readers end without a word at what is no further stream, as at the zeros that .xz files may have."""
    path = tmp_path / f"corpus.txt{'.bz2' if pack is bz2.compress else '.xz'}"
    behind = QUESTION.encode() if between is None else between + pack(QUESTION.encode()) + between
    path.write_bytes(pack(FILLER.encode() * 99) + behind)
    if between in (b"x", None):
        assert "--skip-broken" in fail(capsys, "--training", path, "--items", items)
    else:
        assert suspects(check(capsys, "--training", path, "--items", items, code=1)[0]) == ["q0"]


def test_skipping_a_damaged_file_leaves_the_question_open(tmp_path, capsys, items):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "good.txt").write_text(FILLER * 3)
    (tmp_path / "corpus" / "bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    assert "bad.parquet" in fail(capsys, "--training", tmp_path / "corpus", "--items", items)
    document, _ = check(capsys, "--training", tmp_path / "corpus", "--items", items, "--skip-broken", code=3)
    assert document["why_undecided"] == ["1 training file could not be read to the end"]
    (tmp_path / "corpus" / "good.txt").write_text(QUESTION)
    check(capsys, "--training", tmp_path / "corpus", "--items", items, "--skip-broken", code=1)


def test_bad_lines_are_skipped_counted_and_named(tmp_path, capsys, items):
    rows = [json.dumps({"text": FILLER})] * 300
    rows[7] = '{"text": "cut'
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(rows))
    assert cc.main(["--training", str(path), "--items", str(items)]) == 0
    out = capsys.readouterr().out
    assert "1 row of the training text not readable, skipped" in out
    assert "corpus.jsonl: line 8: not valid JSON" in out
    rows[10:20] = ["nonsense"] * 10
    path.write_text("\n".join(rows))
    document, _ = check(capsys, "--training", path, "--items", items, code=3)
    assert document["why_undecided"] == ["11 of 300 rows of the training text could not be read"]
    assert [problem["line"] for problem in document["training"]["problems"]] == [8, 11, 12, 13, 14]


def test_text_that_is_not_utf8_is_read_all_the_same(tmp_path, capsys, items):
    path = tmp_path / "corpus.txt"
    path.write_bytes(FILLER.encode() + b"caf\xe9 \xff\xfe " + QUESTION.encode() + b" \xe9")
    document, _ = check(capsys, "--training", path, "--items", items, code=1)
    assert document["training"]["not_utf8"] == 3
    lines = tmp_path / "corpus.jsonl"
    lines.write_bytes(b'{"text": "caf\xe9 ' + QUESTION.encode() + b'"}\n{"text": "\\ud800 lone"}\n')
    document, _ = check(capsys, "--training", lines, "--items", items, code=1)
    assert document["training"]["not_utf8"] == 1
    assert document["training"]["rows_unreadable"] == 0


def test_a_table_whose_texts_are_not_utf8(tmp_path, capsys, items):
    def column(*rows):
        return pa.array(rows, pa.binary()).view(pa.string())

    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"text": column(b"caf\xe9 " + QUESTION.encode(), FILLER.encode()), "n": [1, 2]}), path)
    document, _ = check(capsys, "--training", path, "--items", items, code=1)
    assert document["training"]["not_utf8"] == 1
    assert document["suspects"][0]["matches"][0]["row"] == 1
    nested = pa.ListArray.from_arrays(pa.array([0, 1, 2]), column(b"\xff", QUESTION.encode()))
    pq.write_table(pa.table({"turns": nested}), path)
    document, _ = check(capsys, "--training", path, "--items", items, "--text-field", "turns", code=1)
    assert document["training"]["rows_unreadable"] == 1
    assert document["training"]["problems"][0]["row"] == 1


def test_dead_links_and_pipes_in_a_folder(tmp_path, capsys, items):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text(QUESTION)
    os.mkfifo(folder / "pipe.txt")
    check(capsys, "--training", folder, "--items", items, code=1)
    (folder / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    assert "gone.jsonl: No such file" in fail(capsys, "--training", folder, "--items", items)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.txt", b"", "no text in it"),
        ("corpus.txt", b" \n\t\n ... !!", "no text in it"),
        ("corpus.jsonl", b"", "no text in it"),
        ("corpus.jsonl", b"\n\n", "no JSON objects"),
        ("corpus.jsonl", b'{"text": ""}\n{"text": "  "}\n', "no text in it"),
        ("corpus.jsonl", b'{"a": 1, "b": 2}\n', "no text in it"),
        ("corpus.json", b"[1, 2", "not valid JSON"),
        ("corpus.json", b'[\n{"text": "a"},\n', "not valid JSON"),
        ("corpus.jsonl", b"just words\n", "no JSON objects"),
        ("corpus.parquet", b"", "damaged"),
        ("corpus.txt", "some words".encode("utf-16"), "UTF-16"),
        ("corpus.bin", b"\0\1\2\3" * 100, "binary"),
    ],
)
def test_training_files_without_text(tmp_path, capsys, items, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    assert message in fail(capsys, "--training", path, "--items", items)


def test_missing_and_empty_places(tmp_path, capsys, items):
    assert "no such file, folder or data set" in fail(capsys, "--training", tmp_path / "no.txt", "--items", items)
    (tmp_path / "empty").mkdir()
    assert "no text in it" in fail(capsys, "--training", tmp_path / "empty", "--items", items)
    (tmp_path / "empty" / "photo.jpg").write_bytes(b"x")
    assert ".jpg" in fail(capsys, "--training", tmp_path / "empty", "--items", items)
    (tmp_path / "corpus.txt").write_text(FILLER)
    assert "no such file" in fail(capsys, "--training", tmp_path / "corpus.txt", "--items", tmp_path / "no.jsonl")
    assert "no items" in fail(capsys, "--training", tmp_path / "corpus.txt", "--items", tmp_path / "empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user may read everything")
def test_a_file_that_may_not_be_read(tmp_path, capsys, items):
    path = tmp_path / "corpus.txt"
    path.write_text(FILLER)
    path.chmod(0)
    assert "Permission denied" in fail(capsys, "--training", path, "--items", items)


@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        (b"", "no items in", 2),
        (b'{"id": 1, "question": "x"}\n{"id": 2, "question": \n', "line 2: not valid JSON", 2),
        (b'{"id": 1, "question": "x"}\n[]\n', "line 2: an item is an object", 2),
        (b'{"id": 1, "alpha": "x", "beta": "y"}\n', "--item-fields A B, of: id, alpha, beta", 3),
        (b'{"id": 1, "question": "x", "prompt": "y"}\n', "of: question, prompt", 3),
        (b'{"sample_id": 1, "input": {"raw": 3, "reference": []}}\n', "line 1: input.raw", 2),
    ],
)
def test_bad_items(tmp_path, capsys, content, message, code):
    own = tmp_path / "quiz.jsonl"
    own.write_bytes(content)
    (tmp_path / "corpus.txt").write_text(FILLER)
    assert message in fail(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=code)


def test_json_without_rows_is_read_as_a_text(tmp_path, capsys, items):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text(QUESTION)
    (folder / "settings.json").write_text(json.dumps({"name": "x", "size": 3}, indent=2))
    (folder / "dataset_info.json").write_text('{"a": 1}')  # one object, read as a text
    (folder / "notes.docx").write_bytes(b"x")
    document, _ = check(capsys, "--training", folder, "--items", items, code=1)
    assert document["training"]["files"] == 3
    assert document["training"]["left_out"] == [f"1 file in {folder} (.docx)"]
    document, _ = check(capsys, "--training", folder, "--items", items, "--text-field", "text", code=1)


def test_a_process_that_is_ended_from_outside(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(FILLER)
    monkeypatch.setattr(cc, "ONE_PROCESS", 0)
    monkeypatch.setattr(cc, "start_worker", os._exit)
    with pytest.raises(cc.ScriptError, match="--workers 1"):
        scan([QUESTION], tmp_path, setting=cc.ScanSettings(workers=2))


def test_the_items_own_file_is_no_training_text(tmp_path, capsys, items):
    (tmp_path / "corpus.txt").write_text(FILLER)
    assert "is a file of --items, too" in fail(capsys, "--training", tmp_path, "--items", items, code=3)


def test_nothing_is_written_when_it_fails(tmp_path, capsys, items):
    report, output = tmp_path / "REPORT.md", tmp_path / "out.json"
    arguments = ("--items", items, "--report", report, "--output", output)
    fail(capsys, "--training", tmp_path / "no.txt", *arguments)
    (tmp_path / "corpus.jsonl").write_text('{"a": 1, "b": 2}\n')
    fail(capsys, "--training", tmp_path / "corpus.jsonl", *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "quiz.jsonl"]


# --- fields ---


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"text": "{}"}, None),
        ({"text": "{}", "url": "http://x", "meta": {"source": "y"}}, None),
        ({"id": 3, "story": "{}"}, None),
        ({"prompt": "x", "reply": "{}"}, ["reply"]),
        ({"messages": [{"role": "user", "content": "{}"}, {"role": "assistant", "content": "x"}]}, None),
        ({"messages": [{"from": "human", "value": "{}"}], "system": "x"}, ["messages"]),
    ],
)
def test_the_field_of_the_text(tmp_path, capsys, items, row, field):
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps(row).replace("{}", QUESTION) + "\n")
    extra = ["--text-field", *field] if field else []
    document, _ = check(capsys, "--training", path, "--items", items, *extra, code=1)
    assert suspects(document) == ["q0"]


def test_every_text_field_of_a_row_is_read(tmp_path, capsys, items):
    """Whatever the fields are called, and whatever the other rows of the file have."""
    path = tmp_path / "corpus.jsonl"
    rows = (
        [{"text": FILLER}] * 10 + [{"messages": [{"role": "user", "content": QUESTION}]}] + [{"text": "x", "q": OTHER}]
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    document, _ = check(capsys, "--training", path, "--items", items, code=1)
    assert sorted(suspects(document)) == ["q0", "q1"]
    assert document["training"]["fields"] == {"text": 11, "messages": 1, "q": 1}
    document, _ = check(capsys, "--training", path, "--items", items, "--text-field", "text", code=3)
    assert document["why_undecided"] == ["1 of 12 rows hold something that is no text in a field read"]
    assert "read 11 of 12 rows" in document["training"]["coverage"]
    assert "not read" in document["training"]["coverage"]
    assert "no field 'body'; there are: messages, q, text" in fail(
        capsys, "--training", path, "--items", items, "--text-field", "body"
    )
    table = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"a": ["x"], "b": [QUESTION], "c": [b"bytes"]}), table)
    check(capsys, "--training", table, "--items", items, code=1)


def test_rows_that_hold_no_text_are_unread(tmp_path, capsys, items):
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps({"text": FILLER}) + "\n" + json.dumps({"input_ids": [5, 6, 7]}) + "\n")
    document, _ = check(capsys, "--training", path, "--items", items, code=3)
    assert document["training"]["rows_unread"] == 1
    path.write_text(json.dumps({"text": FILLER}) + "\n" + json.dumps({"text": "", "n": 3}) + "\n")
    check(capsys, "--training", path, "--items", items, code=0)


NOISE = random.Random(5).randbytes(20_000)
PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + NOISE
SOUND = b"".join(b"\xff\xfb\x90\0" + NOISE[at : at + 413] for at in range(0, 9000, 413))
ARCHIVE = b"PK\1\2" + NOISE[:60] + b"PK\5\6" + bytes(18)
PAIRS = pa.map_(pa.string(), pa.string())
CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CODES = [1000 + 7 * ord(letter) for letter in QUESTION]
BESIDE_TEXT = {  # (type of the column, its value, exit code)
    "value of a map": (PAIRS, [("k", QUESTION)], 1),
    "key of a map": (PAIRS, [(QUESTION, "v")], 1),
    "map in a list in an object": (pa.struct([("a", pa.list_(PAIRS))]), {"a": [[("k", QUESTION)]]}, 1),
    "bytes": (pa.binary(), QUESTION.encode(), 1),
    "bytes in a list": (pa.list_(pa.binary()), [QUESTION.encode()], 1),
    "letters": (pa.list_(pa.string()), list(QUESTION), 1),
    "letters in objects": (pa.list_(pa.struct([("c", pa.string())])), [{"c": letter} for letter in QUESTION], 1),
    "pieces": (pa.list_(pa.string()), [f"\u0120{word}" for word in QUESTION.split()], 1),
    "role": (pa.struct([("role", pa.string())]), {"role": QUESTION}, 1),
    "words as roles": (pa.list_(pa.struct([("from", pa.string())])), [{"from": w} for w in QUESTION.split()], 1),
    "name of a field": (pa.struct([(QUESTION, pa.int8())]), {QUESTION: 1}, 1),
    "letters as numbers": (pa.list_(pa.int32()), [ord(letter) for letter in QUESTION], 3),
    "tokens": (pa.list_(pa.list_(pa.int32(), 1)), [[code] for code in CODES], 3),
    "tokens as fractions": (pa.list_(pa.float64()), [float(code) for code in CODES], 3),
    "tokens in objects": (pa.list_(pa.struct([("t", pa.int64())])), [{"t": code} for code in CODES], 3),
    "packed": (pa.binary(), gzip.compress(QUESTION.encode(), mtime=0), 3),
    "packed behind a picture's first bytes": (pa.binary(), b"\x89PNG\r\n\x1a\n" + 300 * QUESTION.encode(), 3),
    "number": (pa.int64(), 7, 0),
    "labels": (pa.list_(pa.int8()), [0, 3, 7, 0, 0, 1] * 8, 0),
    "mask": (pa.list_(pa.bool_()), [True, False] * 20, 0),
    "box": (pa.list_(pa.int32()), [120, 40, 300, 64], 0),
    "places": (pa.list_(pa.int32()), list(range(0, 900, 9)), 0),
    "embedding": (pa.list_(pa.float64()), [n / 7 + 0.01 for n in range(64, 0, -1)], 0),
    "hash": (pa.binary(32), bytes(range(200, 232)), 0),
    "picture": (IMAGE, {"bytes": PICTURE, "path": "a.png"}, 0),
    "tokens behind a sound's first bytes": (pa.binary(), b"\xff\xfb" + NOISE, 3),
    "an archive behind a picture": (pa.binary(), PICTURE + ARCHIVE, 3),
    "frames": (IMAGE, {"bytes": SOUND, "path": None}, 0),
    "sound": (pa.struct([("bytes", pa.binary())]), {"bytes": b"RIFF\xd0\xd1\xd2\xd3WAVE" + NOISE}, 0),
    "chat": (CHAT, [{"role": "user", "content": "Hi"}], 0),
    "options": (pa.list_(pa.string()), list("ABCDEFGHIJ"), 0),
}  # fmt: skip


def as_json(value):
    """A value of a table as JSON has it; TypeError for bytes."""
    pairs = isinstance(value, list) and value and isinstance(value[0], tuple)
    if pairs:
        return dict(value)
    return {key: as_json(own) for key, own in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", BESIDE_TEXT)
def test_what_stands_beside_the_text_is_read_or_unread(tmp_path, capsys, items, name):
    kind, value, code = BESIDE_TEXT[name]
    table = pa.table({"text": [FILLER] * 3, "beside": pa.array([value] * 3, kind)})
    pq.write_table(table, tmp_path / "corpus.parquet")
    with pa.OSFile(str(tmp_path / "corpus.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    with contextlib.suppress(TypeError):
        row = json.dumps({"text": FILLER, "beside": as_json(value)})
        (tmp_path / "corpus.jsonl").write_text(f"{row}\n" * 3)
    for path in sorted(tmp_path.glob("corpus.*")):
        document, _ = check(capsys, "--training", path, "--items", items, code=code)
        training = document["training"]
        assert training["rows_unread"] == (3 if code == 3 else 0), path
        assert (training["media_bytes_in_rows"] > 0) == (name in ("picture", "sound", "frames")), path
        if code == 3:  # a named field is an answer
            check(capsys, "--training", path, "--items", items, "--text-field", "text", code=0)


def test_bytes_that_are_no_text_beside_text_that_is_not_utf_8(tmp_path, capsys, items):
    text = pa.array([FILLER.encode() + b" \xff"], pa.binary()).view(pa.string())
    table = pa.table({"text": text, "beside": [bytes(range(128, 228))]})
    with pa.OSFile(str(tmp_path / "corpus.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    document, _ = check(capsys, "--training", tmp_path / "corpus.arrow", "--items", items, code=3)
    assert (document["training"]["not_utf8"], document["training"]["rows_unread"]) == (1, 1)


def lines_of(*texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        (".hidden.jsonl", lines_of(QUESTION), 1),
        (".cache/x.jsonl", lines_of(QUESTION), 1),
        (".cache/huggingface/x.jsonl", lines_of(QUESTION), 1),
        (".git/objects/x.jsonl", lines_of(QUESTION), 1),
        (".git/objects/ab/cdef", QUESTION.encode(), 1),
        (".git/objects/ab/cdef", lines_of(QUESTION) * 9, 3),
        (".git/objects/ab/cdef", b"\x78\x01" + QUESTION.encode() * 9, 1),
        (".notes", QUESTION.encode(), 1),
        (".data", lines_of(QUESTION) * 9, 3),
        (".store/x", NOISE, 3),
        ("dataset_info.json", lines_of(QUESTION), 1),
        ("dataset_info.json", json.dumps({"description": QUESTION}).encode(), 1),
        ("tokenizer.json", lines_of(QUESTION, OTHER), 1),
        ("tokenizer.json", json.dumps({"model": {"x": QUESTION}}, indent=1).encode(), 1),
        ("state.json", json.dumps([QUESTION]).encode(), 1),
        ("config.json", json.dumps({"a": QUESTION.replace("e", "\u00e9")}).encode(), 1),
        ("data.png", QUESTION.encode() * 9, 3),
        ("data.png", PICTURE[:16] + QUESTION.encode() * 9, 3),
        ("data.png", PICTURE[:16] + (QUESTION * 9).encode("utf-16-le"), 3),
        ("data.png", PICTURE[:16] + "\u6709\u4e00\u5929".encode() * 99, 3),
        ("data.png", PICTURE + QUESTION.encode() * 60, 3),
        ("data.gif", b"GIF89a" + QUESTION.encode() * 9, 3),
        ("data.mp3", (QUESTION * 9).encode("utf-16"), 3),
        ("x.lock", QUESTION.encode() * 9, 3),
        ("data.zip", b"\x89PNG\r\n\x1a\n" + NOISE, 3),
        ("data.zip", b"PK\3\4ftyp" + NOISE, 3),
        ("tokens.bin", b"\xff\xfb" + NOISE, 3),
        ("sound.mp3", b"\xff\xfb" + NOISE, 3),
        ("images/a.png", PICTURE + ARCHIVE, 3),
    ],
)
def test_a_name_alone_leaves_nothing_out(tmp_path, capsys, items, name, content, code):
    path = tmp_path / "corpus" / name
    path.parent.mkdir(parents=True)
    (tmp_path / "corpus" / "a.txt").write_text(FILLER * 4)
    path.write_bytes(content)
    document, _ = check(capsys, "--training", tmp_path / "corpus", "--items", items, code=code)
    assert bool(document["training"]["left_out"]) == (code == 3)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def in_base64(pieces: list[str]) -> str:
    return " ".join(base64.b64encode(piece.encode()).decode() for piece in pieces)


def dumped(data: bytes) -> str:
    return "\n".join(f"{at:08x}  {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16))


CODED = {  # how an item is written, and whether it is then another text that is not looked into
    "base64": (lambda text: base64.b64encode(text.encode()).decode(), 3),
    "lines of base64": (lambda text: base64.encodebytes(text.encode()).decode(), 3),
    "base64 for addresses": (lambda text: base64.urlsafe_b64encode(text.encode()).decode(), 3),
    "base64 of UTF-16": (lambda text: base64.b64encode(text.encode("utf-16")).decode(), 3),
    "hexadecimal": (lambda text: text.encode().hex(), 3),
    "percent": (percent, 3),
    "percent for blanks": (lambda text: text.replace(" ", "%20"), 3),
    "Cyrillic vowels": (lambda text: text.translate(str.maketrans("aeo", "\u0430\u0435\u043e")), 3),
    "Greek capitals": (lambda text: text.replace("a", "\u0391").replace("e", "\u0395"), 3),
    "short lines of base64": (lambda text: "\n".join(textwrap.wrap(base64.b64encode(text.encode()).decode(), 36)), 3),
    "pieces in base64": (
        lambda text: " ".join(base64.b64encode(p.encode()).decode() for p in textwrap.wrap(text, 24)),
        3,
    ),
    "words in base64": (lambda text: " ".join(base64.b64encode(word.encode()).decode() for word in text.split()), 3),
    "a hash before base64": (lambda text: "0123456789abcdef" * 8 + base64.b64encode(text.encode()).decode(), 3),
    "base32": (lambda text: base64.b32encode(text.encode()).decode(), 3),
    "hexadecimal with blanks": (lambda text: text.encode().hex(" "), 3),
    "hexadecimal in fours": (lambda text: text.encode().hex(" ", 2), 3),
    "hexadecimal as in C": (lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()), 3),
    "hexadecimal numbers": (lambda text: ", ".join(f"0x{byte:02X}" for byte in text.encode()), 3),
    "a dump": (
        lambda text: "\n".join(f"{at:08x}  {text.encode()[at : at + 16].hex(' ')}" for at in range(0, len(text), 16)),
        3,
    ),
    "octal": (lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()), 3),
    "quoted-printable": (lambda text: "".join(f"={byte:02X}" for byte in text.encode()), 3),
    "every second letter": (lambda text: re.sub(r"(\w)(\w)", lambda two: percent(two[1]) + two[2], text), 3),
    "Armenian letters": (lambda text: text.translate(str.maketrans("oun", "\u0585\u057d\u0578")), 3),
    "Cherokee letters": (lambda text: text.translate(str.maketrans("ae", "\uab70\u13ac")), 3),
    "small capitals": (lambda text: text.translate(str.maketrans("eig", "\u1d07\u026a\u0261")), 1),
    "numbers": (lambda text: ", ".join(str(32 + len(word)) for word in text.split() * 9), 0),
    "bytes": (lambda text: hashlib.sha512(text.encode()).digest().hex(" ") * 9, 0),
    "identifiers": (lambda text: " ".join(f"{a}Of{b.title()}_{a}" for a, b in itertools.pairwise(text.split())), 0),
    "Armenian": (lambda text: "\u0532\u0561\u0580\u0587 \u0541\u0565\u0566, HTML 5. " * 20, 0),
    "a picture": (lambda text: base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)) * 5).decode(), 0),
    "hashes": (lambda text: " ".join(hashlib.sha256(word.encode()).hexdigest() for word in text.split()[:9]), 0),
    "addresses": (lambda text: f"https://example.org/{'/'.join(text.split()[:9])}?q=a%20b%20c&{'x' * 60}", 0),
    "Russian": (lambda text: "Съешь же ещё этих мягких булок, 3D-принтер и IT-отдел: ΔG = 3 µm, βVAE. " * 4, 0),
    "rules": (lambda text: f"{'-' * 80}\n{'=' * 80}\n{'A' * 80}\n{'0' * 80}", 0),
}


@pytest.mark.parametrize("name", CODED)
def test_texts_in_another_writing_are_no_answer(tmp_path, capsys, name):
    """They are counted and not looked into; what is no text, or honest, does not count."""
    write, code = CODED[name]
    questions = make_questions(4, 3)
    rows = [{"id": str(i), "question": q, "answer": a} for i, (q, a) in enumerate(questions)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    others = [f"{q} {a}" for q, a in make_questions(40, 4)]
    texts = others[:20] + [write(f"{q} {a}") for q, a in questions] + others[20:]
    (tmp_path / "t.jsonl").write_bytes(lines_of(*texts))
    (tmp_path / "t.txt").write_text("\n\n".join(texts))
    for path in ("t.jsonl", "t.txt"):
        words = ("--training", tmp_path / path, "--items", tmp_path / "items.jsonl")
        document, _ = check(capsys, *words, code=code)
        training = document["training"]
        assert bool(training["coded_bytes"] or training["disguised_letters"]) == bool(code)


def test_linked_folders_are_named_as_unread_or_read_where_they_are(tmp_path, capsys, items):
    folder, elsewhere = tmp_path / "corpus", tmp_path / "elsewhere"
    (folder / "in").mkdir(parents=True)
    elsewhere.mkdir()
    (folder / "in" / "a.txt").write_text(FILLER)
    (folder / "again").symlink_to(folder / "in")
    (folder / "in" / "loop").symlink_to(folder)
    document, _ = check(capsys, "--training", folder, "--items", items, code=0)
    assert document["training"]["files"] == 1 and document["training"]["left_out"] == []
    for place in (folder / "in" / "link", folder / "in" / ".link"):
        place.symlink_to(elsewhere)
        document, _ = check(capsys, "--training", folder, "--items", items, code=3)
        assert str(place) in document["why_undecided"][0]
        place.unlink()
    (folder / "pipeline.docx").write_bytes(b"x")  # the word in a name is no pipe
    check(capsys, "--training", folder, "--items", items, code=0)


def test_a_real_folder_of_the_hub_is_read_whole(tmp_path, capsys, items):
    """With git's own files, those of a download, the card, side files and pictures: nothing is unread."""
    folder = tmp_path / "corpus"
    rows = lines_of(*[FILLER] * 4)
    digest = hashlib.sha256(rows).hexdigest()
    files = {
        "README.md": b"---\nlicense: mit\n---\n# A card\n",
        ".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n" * 40,
        "dataset_infos.json": json.dumps({"default": {"description": "x", "features": {}}}).encode(),
        "dataset_info.json": json.dumps({"features": {"text": {"dtype": "string"}}}, indent=2).encode(),
        "data/train.jsonl": rows,
        "images/a.png": PICTURE,
        "images/b.jpg": b"\xff\xd8\xff\xe0" + NOISE,
        "images/c.JPG": PICTURE,
        "sounds/a.mp3": SOUND,
        "sounds/b.m4a": b"\0\0\0\x1cftypM4A " + NOISE,
        ".DS_Store": b"\0\0\0\x01Bud1" + NOISE,
        ".cache/huggingface/.gitignore": b"*",
        ".cache/huggingface/download/data/train.jsonl.lock": b"",
        ".cache/huggingface/download/data/train.jsonl.metadata": f"{'a' * 40}\n{digest}\n1732.5\n".encode(),
        f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}": rows,
        ".git/objects/ab/cdef": zlib.compress(b"blob 20000\0" + NOISE),
        ".git/objects/pack/pack-1.pack": b"PACK\0\0\0\2" + NOISE,
        ".git/objects/pack/pack-1.idx": b"\xfftOc\0\0\0\2" + NOISE,
        ".git/index": b"DIRC\0\0\0\2" + NOISE,
        ".git/HEAD": b"ref: refs/heads/main\n",
        ".git/hooks/pre-push.sample": b"#!/bin/sh\n# An example\nexit 0\n" * 40,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    document, _ = check(capsys, "--training", folder, "--items", items, "--text-field", "text", code=0)
    (left_out,) = document["training"]["left_out"]
    assert left_out.startswith("12 files in ")
    assert document["training"]["file_bytes_left_out"] == 0


def test_files_that_are_left_out_are_unread(tmp_path, capsys, items):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text(FILLER * 20)
    (folder / "logo.png").write_bytes(PICTURE)
    check(capsys, "--training", folder, "--items", items, code=0)
    (folder / "shard.bin").write_bytes(QUESTION.encode() * 20)
    document, _ = check(capsys, "--training", folder, "--items", items, code=3)
    assert "bytes of files were left out" in document["why_undecided"][0]
    out = cc.main(["--training", str(folder), "--items", str(items)])
    assert out == 3
    assert "of text of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"question": "Q", "answer": "A"}, "Q\nA"),
        ({"context": "C", "question": "Q", "answers": {"text": ["A", "B"], "answer_start": [1, 2]}}, "C\nQ\nA\nB"),
        ({"question": "Q", "choices": ["w", "x", "y"], "answer": 1}, "Q\nx"),
        ({"question": "Q", "options": ["w", "x", "y"], "answer": "C"}, "Q\ny"),
        ({"question": "Q", "choices": {"text": ["w", "x"], "label": ["A", "B"]}, "answer": "B"}, "Q\nx"),
        ({"prompt": "P", "target": 17}, "P\n17"),
        ({"problem": "P"}, "P"),
    ],
)
def test_the_text_of_an_item(tmp_path, row, text):
    path = tmp_path / "quiz.jsonl"
    path.write_text(json.dumps(row))
    (item,), _, _ = cc.read_benchmark([str(path)], ())
    assert (item.whole, item.sample_id, item.task) == (text, "quiz.jsonl: line 1", "quiz")


def test_items_of_a_parquet_file_and_of_named_fields(tmp_path):
    folder = tmp_path / "gsm8k"
    folder.mkdir()
    pq.write_table(pa.table({"uid": [7], "q": ["Why?"], "a": ["So."]}), folder / "test-00000-of-00001.parquet")
    pq.write_table(pa.table({"uid": [8], "q": ["x"], "a": ["y"]}), folder / "train-00000-of-00001.parquet")
    items, _, files = cc.read_benchmark([str(folder)], ("q", "a"))
    assert items == [cc.BenchmarkItem("gsm8k", "7", "Why?\nSo.")]
    assert len(files) == 1


def test_items_given_twice_count_once(tmp_path, capsys, items):
    copy = tmp_path / "again" / "quiz.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(items.read_bytes())
    (tmp_path / "corpus.txt").write_text(QUESTION)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", items, copy, code=1)
    assert document["items"] | {"count": 2, "duplicates": 2, "suspect": 1} == document["items"]


# --- scores ---


QUIZ: dict[str, str] = {}  # the questions of the 60 items, by id


def write_record(folder: Path, model: str, task: str, scores: dict, texts: dict | None = None, **changes) -> Path:
    """A record with its samples, as the evaluation scripts write them; a score of None could not be scored."""
    name = str(uuid.uuid4())
    folder.mkdir(parents=True, exist_ok=True)
    result_id, evaluation_id = f"{task}|0/acc", f"{task}/{model}/1700000000"
    scale = changes.get("scale", 1)
    given = [score for score in scores.values() if score is not None]
    record = {
        "schema_version": "0.3.0",
        "evaluation_id": evaluation_id,
        "model_info": {"id": model, "name": model},
        "evaluation_results": [
            {
                "evaluation_result_id": result_id,
                "evaluation_name": task,
                "metric_config": {
                    "metric_id": changes.get("metric", "accuracy"),
                    "additional_details": {"aggregation": changes.get("aggregation", "mean")},
                },
                "score_details": {"score": changes.get("score", scale * sum(given) / max(1, len(given)))},
            }
        ],
    }
    rows = [
        {
            "schema_version": "0.3.0",
            "evaluation_id": evaluation_id,
            "evaluation_name": task,
            "evaluation_result_id": result_id,
            "sample_id": sample,
            "sample_hash": f"hash of {sample}",
            "input": {"raw": QUIZ.get(sample, sample) if texts is None else texts[sample], "reference": ["x"]},
            "evaluation": {"score": 0.0 if score is None else score, "is_correct": bool(score)},
        }
        | ({"error": "timeout"} if score is None else {})
        for sample, score in scores.items()
    ]
    (folder / f"{name}.json").write_text(json.dumps(record))
    (folder / f"{name}_samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / f"{name}.json"


def quiz(count: int) -> list[str]:
    """Items with words of their own."""
    rng = random.Random(count)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("lor", "min", "sta", "vex", "pud")]
    return [" ".join(rng.choices(vocabulary, k=20)) for _ in range(count)]


@pytest.fixture
def measured(tmp_path):
    """60 items of which 20 are planted, and two models' records of them."""
    texts = quiz(60)
    own = write_items(tmp_path / "quiz.jsonl", *texts)
    QUIZ.update({f"q{i}": text for i, text in enumerate(texts)})
    training = tmp_path / "corpus.txt"
    training.write_text("\n".join(texts[:20]))
    rng = random.Random(3)
    one = {f"q{i}": float(rng.random() < (0.9 if i < 20 else 0.4)) for i in range(60)}
    two = {f"q{i}": rng.random() for i in range(60)}
    write_record(tmp_path / "results", "acme/one", "quiz", one)
    write_record(tmp_path / "results", "acme/two", "quiz", two)
    return tmp_path, ["--training", training, "--items", own, "--results", tmp_path / "results"], one, two


def values(scores, low, high):
    return np.array([scores[f"q{i}"] for i in range(low, high)])


def test_scores_on_clean_and_suspect_items(capsys, measured):
    _, arguments, one, two = measured
    document, _ = check(capsys, *arguments, code=1)
    binary, graded = document["scores"]
    assert (binary["model"], graded["model"]) == ("acme/one", "acme/two")
    for row, scores in ((binary, one), (graded, two)):
        suspect, clean = values(scores, 0, 20), values(scores, 20, 60)
        assert row["items"]["suspect"] == 20
        assert row["items"]["clean"] == 40
        assert row["clean"]["value"] == pytest.approx(clean.mean())
        assert row["suspect"]["value"] == pytest.approx(suspect.mean())
        assert row["difference"]["value"] == pytest.approx(suspect.mean() - clean.mean())
        assert row["inflation"]["value"] == pytest.approx(values(scores, 0, 60).mean() - clean.mean())
        assert row["inflation"]["low"] == pytest.approx(row["difference"]["low"] / 3)
        assert row["all"]["value"] == pytest.approx(row["recorded_score"])
    suspect, clean = values(one, 0, 20), values(one, 20, 60)
    low, high = confint_proportions_2indep(suspect.sum(), 20, clean.sum(), 40, method="newcomb", compare="diff")
    # With one or two wrong among the suspect items, their own end is exact and so lies a little farther out.
    assert low - 0.02 < binary["difference"]["low"] <= low + 1e-9
    assert high - 1e-9 <= binary["difference"]["high"] < high + 0.02
    assert binary["method"] == "Newcombe"
    assert (binary["clean"]["low"], binary["clean"]["high"]) == pytest.approx(
        proportion_confint(clean.sum(), 40, method="wilson")
    )
    assert binary["beyond"]["value"] == pytest.approx(binary["difference"]["value"] - graded["difference"]["value"])
    suspect, clean = values(two, 0, 20), values(two, 20, 60)  # of a record that says nothing of bounds
    expected = stats.ttest_ind(suspect, clean, equal_var=False).confidence_interval(0.95)
    assert (graded["difference"]["low"], graded["difference"]["high"]) == pytest.approx((expected.low, expected.high))
    assert graded["method"] == "Welch"
    half = stats.sem(clean) * stats.t.ppf(0.975, 39)
    assert (graded["clean"]["low"], graded["clean"]["high"]) == pytest.approx(
        (clean.mean() - half, clean.mean() + half)
    )


def test_items_of_one_passage_count_together_in_each_difference():
    rng, rule = np.random.default_rng(5), SimpleNamespace(name="r")
    keys = [("quiz", f"q{i}", None) for i in range(60)]
    status = {key: SimpleNamespace(status={"r": cc.SUSPECT if i < 30 else cc.CLEAN}) for i, key in enumerate(keys)}
    join = SimpleNamespace(find=lambda *asked: status[asked[:3]], unlike=[])

    def widths(size: int, low: float | None, high: float | None) -> list[float]:
        """Of the intervals of the difference, and of what is beyond the other model: `size` items a passage, whose
        scores are all alike."""
        both = [
            cc.Measured(
                name, "quiz", "quiz/f1", f"{name}.json", 0.5, dict(zip(keys, scores.tolist(), strict=True)), 1.0, 0, "",
                low=low, high=high, clusters={key: f"p{i // size}" for i, key in enumerate(keys)},
            )
            for name, scores in (("one", np.repeat(rng.random(60 // size), size)), ("two", np.full(60, 0.5)))
        ]  # fmt: skip
        rows = [cc.split_scores(own, rule, join, 5) for own in both]
        row = cc.against_others(rows, both, join, 5)[0]
        return [found.high - found.low for found in (row.difference, row.beyond)]

    for ends in ((0.0, 1.0), (None, None)):
        alone, shared = widths(1, *ends), widths(5, *ends)
        assert all(wide > 1.6 * narrow for wide, narrow in zip(shared, alone, strict=True)), (ends, alone, shared)


def test_newcombe_is_the_published_interval():
    # Newcombe, Statist. Med. 17:873 (1998), Table II, method 10, case a: 56/70 - 48/80.
    suspect, clean = np.array([1.0] * 56 + [0.0] * 14), np.array([1.0] * 48 + [0.0] * 32)
    mean, method = cc.difference_of_means(*(cc.Group(values, None, 0.0, 1.0) for values in (suspect, clean)))
    assert (round(mean.value, 4), round(mean.low, 4), round(mean.high, 4)) == (0.2, 0.0524, 0.3339)
    assert method == "Newcombe"
    flat = [cc.Group(np.array([value] * 2), None, None, None) for value in (0.5, 0.25)]
    assert cc.difference_of_means(*flat)[0] == cc.Mean(0.25, None, None)


def test_too_few_suspect_items_are_not_judged(capsys, measured):
    _, arguments, _, _ = measured
    document, _ = check(capsys, *arguments, "--min-items", 21, code=1)
    for row in document["scores"]:
        assert row["difference"] is None
        assert row["not_judged"] == "20 suspect items; 21 are needed"
        assert row["clean"]["value"] is not None


def test_one_model_of_several(capsys, measured):
    _, arguments, _, _ = measured
    document, _ = check(capsys, *arguments, "--model-id", "acme/two", code=1)
    assert [row["model"] for row in document["scores"]] == ["acme/two"]
    assert "there are: acme/one, acme/two" in fail(capsys, *arguments, "--model-id", "acme/three")
    assert "--model-id chooses among" in fail(capsys, *arguments[:4], "--model-id", "acme/two")


def test_samples_are_joined_by_task_and_id(tmp_path, capsys, measured):
    folder, arguments, one, _ = measured
    # Another task with the same ids is not about these items; a model that has nothing else is named.
    others = {name: f"What is the capital of the land of number {name}?" for name in one}
    write_record(folder / "results", "acme/one", "other_quiz", dict.fromkeys(one, 0.0), others)
    write_record(folder / "results", "acme/elsewhere", "other_quiz", dict.fromkeys(one, 0.0), others)
    document, _ = check(capsys, *arguments, code=1)
    why = {(row["model"], row["task"]): row["not_judged"] for row in document["scores"]}
    assert why == {
        ("acme/one", "quiz"): None,
        ("acme/two", "quiz"): None,
        ("acme/elsewhere", "other_quiz"): "none of its 60 items is among the given ones",
    }
    alone = folder / "alone"
    write_record(alone, "acme/one", "some_name_of_a_harness", one | {"q99": 1.0, "q3": None})
    document, _ = check(capsys, *arguments[:5], alone, code=1)
    counts = document["scores"][0]["items"]
    assert counts == {"clean": 40, "suspect": 19, "too_short_to_judge": 0, "not_among_the_items": 1, "unscored": 1}
    strange = folder / "strange"
    write_record(strange, "acme/one", "quiz", {"x1": 1.0})
    assert "no sample is about an item" in fail(capsys, *arguments[:5], strange)


def test_items_of_samples_files(tmp_path, capsys):
    texts = quiz(30)
    scores = {f"s{i}": float(i % 3 == 0) for i in range(30)}
    for model in ("acme/one", "acme/two"):
        write_record(tmp_path / "results", model, "quiz", scores, {f"s{i}": text for i, text in enumerate(texts)})
    (tmp_path / "corpus.txt").write_text("\n".join(texts[:12]))
    results = tmp_path / "results"
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", results, "--results", results, code=1)
    assert document["items"]["count"] == document["items"]["duplicates"] == 30
    assert document["scores"][0]["items"]["suspect"] == 12
    assert len(document["scores"]) == 2


def test_an_item_that_changed_is_another_item(tmp_path):
    same = [cc.BenchmarkItem("quiz", "q1", "x", "hash a"), cc.BenchmarkItem("quiz", "q1", "y", "hash b")]
    judged = [cc.Judged(item, facts(), {"longest": cc.CLEAN}, (), 0) for item in same]
    join = cc.Join(judged, ["quiz"])
    assert join.find("quiz", "q1", "hash b") is judged[1]
    assert join.find("quiz", "q1", "hash c") is None
    assert join.find("quiz", "q1", None) is None  # two items answer to it


def test_scores_that_cannot_be_split(tmp_path, capsys, measured):
    folder, arguments, one, _ = measured
    results = folder / "more"
    write_record(results, "acme/bleu", "quiz", one, metric="bleu", aggregation="bleu", score=31.2)
    write_record(results, "acme/off", "quiz", one, score=0.123)
    write_record(results, "acme/percent", "quiz", one, scale=100)
    bleu, off, percent = check(capsys, *arguments[:5], results, code=1)[0]["scores"]
    assert bleu["not_judged"] == "bleu is no mean of the items"
    assert "its score 0.123 is not the mean" in off["not_judged"]
    assert percent["clean"]["value"] == pytest.approx(100 * values(one, 20, 60).mean())
    assert percent["method"] == "Newcombe"
    low, high = confint_proportions_2indep(
        values(one, 0, 20).sum(), 20, values(one, 20, 60).sum(), 40, method="newcomb"
    )
    assert (percent["difference"]["low"], percent["difference"]["high"]) == pytest.approx(
        (100 * low, 100 * high), abs=2
    )
    assert percent["suspect"]["high"] <= 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row | {"evaluation_id": "other"}, "line 1 belongs to another record"),
        (lambda row: row | {"evaluation": {"score": "good"}}, "the score of item q0 is 'good', not a number"),
        (lambda row: row | {"evaluation": {"score": float("nan")}}, "line 1"),
        (lambda row: {k: v for k, v in row.items() if k != "sample_id"}, "no 'sample_id' in it"),
    ],
)
def test_damaged_samples(tmp_path, capsys, measured, change, message):
    folder, arguments, _, _ = measured
    path = next((folder / "results").glob("*_samples.jsonl"))
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(change(json.loads(first))), *rest]))
    assert message in fail(capsys, *arguments)


def test_results_without_records(tmp_path, capsys, measured):
    folder, arguments, _, _ = measured
    (folder / "nothing").mkdir()
    assert "no records there" in fail(capsys, *arguments[:5], folder / "nothing")
    assert "no such folder" in fail(capsys, *arguments[:5], folder / "missing")


# --- output ---


def test_report_and_output(capsys, measured):
    folder, arguments, _, _ = measured
    report, output = folder / "out" / "REPORT.md", folder / "out" / "check.json"
    document, err = check(capsys, *arguments, "--report", report, "--output", output, code=1)
    assert json.loads(output.read_text()) == document
    assert document["schema_version"] == "1"
    text = report.read_text()
    assert text.startswith("## Contamination check\n\n**Contamination found: 20 of 60 items (whole: 20).**")
    assert "### Scores on clean and on suspect items" in text
    assert "10 more are in the JSON document" in text
    assert text.count("\n| quiz: q") == 10
    assert "uv run scripts/check_contamination.py --training" in text
    assert f"report in {report}" in err
    assert sorted(path.name for path in report.parent.iterdir()) == ["REPORT.md", "check.json"]


def test_the_report_names_a_command_that_parses(capsys, measured):
    folder, arguments, _, _ = measured
    report = folder / "REPORT.md"
    check(capsys, *arguments, "--min-share", 0, "--no-filter", "--report", report, code=1)
    command = re.search(r"Made by `uv run scripts/check_contamination\.py (.*)`", report.read_text())[1]
    again = cc.build_parser().parse_args(shlex.split(command))
    assert (again.min_share, again.no_filter, again.results) == (0.0, True, [str(folder / "results")])


def test_table_for_people(capsys, measured):
    _, arguments, _, _ = measured
    assert cc.main([*map(str, arguments)]) == 1
    out, err = capsys.readouterr()
    assert "| longest | 20 | 40 | 0 |" in out
    assert "higher on suspect items" in out
    assert "contamination found: 20 of 60 items" in out
    assert err == ""


def test_foreign_text_cannot_steer_a_terminal_or_a_table(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", QUESTION)
    (tmp_path / "corpus.txt").write_text(f"\x1b[31mred | pipe <b> \x07\u202e{QUESTION}\x1b[0m | end")
    report = tmp_path / "REPORT.md"
    arguments = [
        "--training",
        str(tmp_path / "corpus.txt"),
        "--items",
        str(own),
        "--report",
        str(report),
        "--show-text",
    ]
    assert cc.main(arguments) == 1
    out = capsys.readouterr().out
    for text in (out, report.read_text()):
        assert not {c for c in text if not c.isprintable() and c != "\n"}
        assert "\\|" in text
        assert "\\<b\\>" in text


def test_matches_are_shown_with_what_stands_around_them(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", QUESTION)
    text = f"{FILLER}{FILLER}He asked me: {QUESTION} I did not know."
    (tmp_path / "corpus.txt").write_text(text)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=1)
    (one,) = document["suspects"]
    (match,) = one["matches"]
    assert match["byte"] == text.encode().index(b"A baker")
    assert match["line"] == 3
    assert match["length"] == match["counted"] == one["longest_match"] == one["words"] == len(QUESTION.split())
    assert one["longest_share"] == 1.0
    assert match["before"].endswith("He asked me:")
    assert match["after"] == "? I did not know."
    assert match["text"].startswith("A baker sells")
    assert "[…]" in match["text"]


def test_three_places_are_kept_and_all_are_counted(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", QUESTION)
    (tmp_path / "corpus.txt").write_text(f"{QUESTION}\n{FILLER}" * 5)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=1)
    assert document["suspects"][0]["places"] == 5
    assert [match["line"] for match in document["suspects"][0]["matches"]] == [1, 3, 5]


def test_help_as_a_command():
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "scripts" / "check_contamination.py"), "--help"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "13-gram" in done.stdout


# --- the Hub ---


def parquet_bytes(rows):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": rows}), sink)
    return sink.getvalue().to_pybytes()


def test_a_data_set_of_the_hub(hub, tmp_path, capsys, items):
    files = {
        "README.md": "A card",
        "data/train-00000-of-00002.parquet": parquet_bytes([FILLER] * 3),
        "data/train-00001-of-00002.parquet": parquet_bytes([FILLER, QUESTION]),
        "extra/more.jsonl": json.dumps({"text": FILLER}) + "\n",
        "dataset_infos.json": "{}",
        ".gitattributes": "*.parquet filter=lfs diff=lfs merge=lfs -text\n",
        "a.png": PICTURE,
    }
    hub.create_repo("me/corpus", "dataset", files)
    document, _ = check(capsys, "--training", "me/corpus", "--items", items, code=1)
    assert document["training"]["files"] == 6
    assert document["training"]["documents"] == 9
    assert document["training"]["left_out"] == ["1 file in me/corpus (.png)"]
    assert document["training"]["file_bytes_left_out"] == 0
    match = document["suspects"][0]["matches"][0]
    assert re.fullmatch(r"hf://datasets/me/corpus@[0-9a-f]{12}/data/train-00001-of-00002\.parquet", match["file"])
    assert match["row"] == 2
    document, _ = check(capsys, "--training", "hf://datasets/me/corpus@main/extra", "--items", items, code=0)
    assert document["training"]["files"] == 1


def test_a_data_set_of_old_without_its_owner_has_the_name_that_the_hub_gives_it(hub, tmp_path, capsys, items):
    hub.create_repo("rajpurkar/squad", "dataset", {"train.jsonl": json.dumps({"text": QUESTION}) + "\n"})
    hub.rename("squad", "rajpurkar/squad", "dataset")
    document, err = check(capsys, "--training", "squad", "--items", items, code=1)
    assert "squad is called rajpurkar/squad on the Hub" in err
    assert document["suspects"][0]["matches"][0]["file"].startswith("hf://datasets/rajpurkar/squad@")


def test_what_a_data_set_of_the_hub_hides_by_a_name_is_read_or_unread(hub, capsys, items):
    plain = {"data/a.jsonl": lines_of(FILLER, FILLER)}
    hidden = {"dataset_info.json": 1, ".x.jsonl": 1, "README.md": 1, "a.dat": 3, ".git/x": 3}
    for i, (name, code) in enumerate(hidden.items()):
        hub.create_repo(f"me/hides{i}", "dataset", plain | {name: lines_of(QUESTION)})
        document, _ = check(capsys, "--training", f"me/hides{i}", "--items", items, code=code)
        assert bool(document["training"]["left_out"]) == (code == 3)


def test_a_data_set_of_the_hub_that_cannot_be_read(hub, tmp_path, capsys, items):
    assert "no such data set" in fail(capsys, "--training", "me/nothing", "--items", items)
    hub.create_repo("me/pictures", "dataset", {"README.md": "x", "a.png": b"x"})
    assert "no data files" in fail(capsys, "--training", "me/pictures", "--items", items)
    hub.create_repo("me/columns", "dataset", {"a.jsonl": '{"a": 1, "b": 2}\n'})
    assert "no text in it" in fail(capsys, "--training", "me/columns", "--items", items)
    (tmp_path / "data").mkdir()
    for name, text in {"README.md": "A card", ".gitattributes": "x -text", "a.jsonl": '{"a": 1, "b": 2}\n'}.items():
        (tmp_path / "data" / name).write_text(text)
    assert "no text in it" in fail(capsys, "--training", tmp_path / "data", "--items", items)


# --- the example ---


def shown_runs():
    """(command, what it prints) in the example's README."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    return re.findall(
        r"^```bash\n(uv run scripts/check_contamination\.py [^\n]*)\n```\n\n```text\n(.*?)\n```$", text, re.M | re.S
    )


def test_the_example_prints_what_its_readme_shows(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert len(shown_runs()) == 4
    for command, expected in shown_runs():
        words, _, pipe = command.partition(" | ")
        assert cc.main(words.split()[3:]) == (0 if "--min-share" in words else 1)
        lines = capsys.readouterr().out.splitlines()
        if pipe:
            program, count = pipe.split(" -")
            lines = lines[: int(count)] if program == "head" else lines[-int(count) :]
        assert "\n".join(lines) == expected, command


def test_the_example_holds_what_was_planted(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = cc.Folded((EXAMPLE / "training.txt").read_bytes()).data.split()
    joined = b" " + b" ".join(text) + b" "
    planted = set()
    for path in (TINY / "data").glob("*/test.jsonl"):
        for row in map(json.loads, path.read_text().splitlines()):
            words = cc.Folded(row["prompt"].encode()).data.split()
            if len(words) >= 8 and b" " + b" ".join(words) + b" " in joined:
                planted.add(row["id"])
    assert len(planted) == 24
    data = TINY / "data"
    document, _ = check(capsys, "--training", EXAMPLE / "training.txt", "--items", data, "--rule", "longest", code=1)
    assert planted <= set(suspects(document))


# --- question, answer, whole ---

SOLUTION = (
    "Forty loaves and twenty loaves make sixty of them, less the three that came back to the shop, and so the village "
    "kept fifty seven of these loaves in the end."
)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (QUESTION, "question"),
        (SOLUTION, "answer"),
        (f"{QUESTION}\n{SOLUTION}", "question and answer"),
        (f"{QUESTION} Nobody knows.\n" + FILLER * 40 + SOLUTION, "question and answer"),
    ],
)
def test_question_and_answer_are_judged_each(tmp_path, capsys, planted, found):
    own = write_items(tmp_path / "quiz.jsonl", QUESTION, OTHER, answer=[SOLUTION * 3, "90"])
    (tmp_path / "corpus.txt").write_text(FILLER + planted + "\n" + FILLER)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=1)
    assert suspects(document) == ["q0"]
    assert document["suspects"][0]["found"] == {"longest": found}
    assert document["items"]["found"] == {found: 1}


def test_a_short_answer_alone_is_no_match(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", QUESTION, answer=["it was the best of times and the worst of times"])
    (tmp_path / "corpus.txt").write_text(FILLER + "It was the best of times and the worst of times, he said.\n")
    check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=0)


# --- markup, escapes, hyphens, scripts ---

MARKED = {
    "html": "".join(
        f"<p class='s'>{word}</p> " if i % 9 == 4 else f"{word} " for i, word in enumerate(QUESTION.split())
    ),
    "inline tags": QUESTION.replace("half", "<b>half</b>").replace("soap", '<a href="http://x.y/z?a=b">soap</a>'),
    "breaks": QUESTION.replace(" and ", "<br/>and&nbsp;").replace(", ", ",&#32;<br>"),
    "escapes in escapes": QUESTION.replace("loaves before", "loaves\\nbefore").replace("bread back", "bread\\tback"),
    "unicode escapes": QUESTION.replace("village", "\\u0076illage"),
    "references": QUESTION.replace("village", "vill&#97;ge"),
    "links": QUESTION.replace("bread", "[bread](https://example.org/a_long_place)"),
    "latex": QUESTION.replace("forty loaves", "\\textbf{forty} \\emph{loaves}"),
    "hyphens": QUESTION.replace("customers", "custo-\nmers").replace("village", "vil-\n    lage"),
}


@pytest.mark.parametrize("suffix", [".txt", ".html", ".jsonl"])
@pytest.mark.parametrize("variant", MARKED)
def test_markup_hides_nothing(tmp_path, capsys, items, variant, suffix):
    path = write_corpus(tmp_path, suffix, [FILLER + MARKED[variant]]) if suffix == ".jsonl" else tmp_path / f"c{suffix}"
    if suffix != ".jsonl":
        path.write_text(FILLER + MARKED[variant])
    document, _ = check(capsys, "--training", path, "--items", items, "--gap", 0, "--min-share", 0.9, code=1)
    assert suspects(document) == ["q0"]


@given(
    st.text(max_size=300),
    st.lists(st.sampled_from(["<b>", "&amp;", "&eacute;", "-\n", "\\n", "\\u00e9", "](x)", "<!--"])),
)
def test_markup_keeps_every_place(text, pieces):
    raw = (text + "".join(pieces) + text).encode("utf-8", "replace")
    assert len(cc.without_markup(raw)) == len(raw)
    cc.without_markup(raw).decode()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("數學問題的解答應該寫在答案紙上", "数学问题的解答应该写在答案纸上"),
        ("KIŞ AYLARINDA ISITMA", "kış aylarında ısıtma"),
        ("مـــدرسة", "مدرسة"),
    ],
)
def test_forms_of_a_script_are_one(ours, theirs):
    assert cc.Folded(ours.encode()).data.split() == cc.Folded(theirs.encode()).data.split()


def test_typos_and_reordered_sentences_are_found(tmp_path, capsys):
    sentences = [f"{' '.join(f'word{i}x{j}' for j in range(10))}." for i in range(6)]
    own = write_items(tmp_path / "quiz.jsonl", " ".join(sentences))
    training = tmp_path / "corpus.txt"
    words = " ".join(sentences).split()
    training.write_text(FILLER + " ".join("typo" if i % 12 == 11 else word for i, word in enumerate(words)))
    check(capsys, "--training", training, "--items", own, code=1)
    check(capsys, "--training", training, "--items", own, "--gap", 0, code=0)
    random.Random(1).shuffle(sentences)
    training.write_text(FILLER + " ".join(sentences))
    document, _ = check(capsys, "--training", training, "--items", own, code=1)
    assert document["suspects"][0]["longest_passage"] == 60
    # The same sentences far from each other are no passage.
    training.write_text((FILLER * 4).join(sentences))
    check(capsys, "--training", training, "--items", own, code=0)


# --- shared text ---


def test_items_given_again_under_other_ids_share_nothing(tmp_path, capsys):
    own = write_items(tmp_path / "quiz.jsonl", *[QUESTION] * 30, OTHER)
    (tmp_path / "corpus.txt").write_text(FILLER + QUESTION)
    document, _ = check(capsys, "--training", tmp_path / "corpus.txt", "--items", own, code=1)
    assert document["rules"][0]["suspect"] == 30


# --- public rows ---


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"ind": 4, "ctx": "C", "endings": ["a", "b", "c", "d"], "label": "2"}, "C", "c"),
        ({"goal": "G", "sol1": "s", "sol2": "t", "label": 1}, "G", "t"),
        ({"premise": "P", "choice1": "x", "choice2": "y", "question": "cause", "label": 0}, "P", "x"),
        ({"sentence": "S", "option1": "x", "option2": "y", "answer": "2"}, "S", "y"),
        ({"premise": "P", "hypothesis": "H", "label": 1}, "P\nH", ""),
        ({"Question": "Q", "Correct Answer": "A", "Incorrect Answer 1": "B", "Record ID": "r"}, "Q", "A"),
        ({"question_id": 81, "category": "writing", "turns": ["T", "U"]}, "T\nU", ""),
        ({"problem": "P", "solution": "S", "answer": "7", "level": "3"}, "P", "S"),
        ({"instruction": "I", "input": "N", "output": "O"}, "I\nN", "O"),
        ({"prompt": "P", "chosen": "C", "rejected": "R"}, "P", "C"),
        ({"task_id": "HumanEval/0", "prompt": "P", "canonical_solution": "S", "test": "t"}, "P", "S"),
        ({"question": "Q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}, "Q", "y"),
        ({"question": "Q", "options": ["x", "y"], "answer": "B", "answer_index": 1}, "Q", "y"),
    ],
)
def test_rows_of_public_benchmarks_are_known(tmp_path, row, question, answer):
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n")
    (item,), _, _ = cc.read_benchmark([str(tmp_path / "x.jsonl")], ())
    assert (item.text, item.answer) == (question, answer)


def test_items_in_csv(tmp_path):
    (tmp_path / "quiz.csv").write_text('id,question,answer\n7,"What, then?\nNothing",x\n')
    (item,), _, _ = cc.read_benchmark([str(tmp_path / "quiz.csv")], ())
    assert (item.sample_id, item.text, item.answer) == ("7", "What, then?\nNothing", "x")


# --- joins and claims ---


def test_same_ids_with_other_texts_are_asked(tmp_path, capsys, measured):
    folder, arguments, one, _ = measured
    rotated = {f"q{i}": QUIZ[f"q{(i + 7) % 60}"] for i in range(60)}
    document, _ = check(capsys, *arguments, "--model-id", "acme/one", code=1)
    turned = folder / "turned"
    # Another order: every text is an item's, so the texts join and the ids do not matter.
    write_record(turned, "acme/one", "quiz", {f"q{i}": one[f"q{(i + 7) % 60}"] for i in range(60)}, rotated)
    again, _ = check(capsys, *arguments[:5], turned, code=1)
    assert again["scores"][0]["suspect"] == document["scores"][0]["suspect"]
    other = folder / "other"
    write_record(
        other, "acme/one", "quiz", one, {name: f"Another question about {name}, and nothing else." for name in one}
    )
    message = fail(capsys, *arguments[:5], other, code=3)
    assert "60 of 60 samples have the id of an item and another text" in message
    assert "--items and --results" in message


def test_a_part_of_the_items_is_said(capsys, tmp_path, measured):
    folder, arguments, _, _ = measured
    some = write_items(folder / "some.jsonl", *[QUIZ[f"q{i}"] for i in range(40)])
    document, _ = check(capsys, *arguments[:3], some, *arguments[4:], "--model-id", "acme/one", code=1)
    assert document["scores"][0]["inflation"] is None
    assert document["scores"][0]["items"]["not_among_the_items"] == 20
    cc.main([*map(str, [*arguments[:3], some, *arguments[4:]])])
    assert "of the 40 given, 20 more were recorded" in capsys.readouterr().out


def test_lower_is_better_turns_the_words():
    row = cc.ScoreRow("longest", "m", "t", "t/wer", "r", {"not_among_the_items": 0, "unscored": 0}, 0.2, "")
    row = cc.replace(row, difference=cc.Mean(-0.1, -0.2, -0.05), lower_is_better=True)
    assert cc.reading(row) == "better on suspect items"
    assert cc.reading(cc.replace(row, lower_is_better=False)) == "lower on suspect items"


def test_the_difference_is_right_where_there_is_none():
    """At most 5 % of null simulations claim a difference, with few items, without spread, and with passages."""
    rng = np.random.default_rng(5)

    def partial(n):
        return np.where(rng.random(n) < 0.9, 1.0, rng.random(n))

    def rating(n):
        return rng.choice([1.0, 4.0, 5.0], n, p=[0.05, 0.15, 0.8])

    kinds = {
        "binary": (lambda n: (rng.random(n) < 0.9) * 1.0, 0, 1),
        "partial": (partial, 0, 1),
        "rating": (rating, 1, 5),
    }
    for name, (draw, low, high) in kinds.items():
        for suspects_there in (10, 30):
            wrong = 0
            for _ in range(400):
                pair = [cc.Group(draw(n), None, float(low), float(high)) for n in (suspects_there, 200)]
                mean = cc.difference_of_means(*pair)[0]
                wrong += not mean.low <= 0 <= mean.high
            assert wrong <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5, (name, suspects_there)
    wrong = 0
    for _ in range(300):
        groups = []
        for passages in (6, 40):
            effects = np.repeat(rng.beta(2, 1, passages), 5)
            clusters = np.repeat(np.arange(passages), 5)
            groups.append(cc.Group((rng.random(len(effects)) < effects) * 1.0, clusters, 0.0, 1.0))
        mean = cc.difference_of_means(*groups)[0]
        wrong += not mean.low <= 0 <= mean.high
    assert wrong <= 0.05 * 300 + 3 * (300 * 0.05 * 0.95) ** 0.5


def test_clean_items_and_reports_without_text(tmp_path, capsys, items):
    (tmp_path / "corpus.txt").write_text(FILLER + QUESTION)
    clean, report = tmp_path / "clean.json", tmp_path / "REPORT.md"
    arguments = ("--training", tmp_path / "corpus.txt", "--items", items, "--clean-items", clean, "--report", report)
    check(capsys, *arguments, code=1)
    assert json.loads(clean.read_text())["only_items"] == {"quiz": ["q1"]}
    assert "baker sells" not in report.read_text()
    assert "Coverage: read" in report.read_text()
    check(capsys, *arguments, "--show-text", code=1)
    assert "baker sells" in report.read_text()


# --- guises ---


def found_in(folder: Path, guise, count: int = 12) -> int:
    """How many questions are found in a text that holds all of them in one guise."""
    questions = make_questions(count, 1)
    texts = [guise(question, answer, random.Random(i)) for i, (question, answer) in enumerate(questions)]
    (folder / "corpus.txt").write_text("\n\n".join(texts), encoding="utf-8")
    own = write_items(folder / "quiz.jsonl", *[q for q, _ in questions], answer=[a for _, a in questions])
    items, _, files = cc.read_benchmark([str(own)], ())
    sources = cc.find_sources([str(folder / "corpus.txt")], (), cc.ScanSettings(), files)
    judged, _ = cc.check_items(items, sources, [cc.MATCH_RULES["longest"]], cc.Filter(), cc.ScanSettings())
    return sum(one.suspect for one in judged)


@pytest.mark.parametrize("guise", GUISES)
def test_an_item_is_found_in_each_guise(tmp_path, guise):
    assert found_in(tmp_path, GUISES[guise]) == 12


@pytest.mark.parametrize("guise", STRANGERS)
def test_what_is_no_item_is_not_found(tmp_path, guise):
    assert found_in(tmp_path, STRANGERS[guise]) == 0


@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt"])
def test_no_file_of_a_data_set_is_written_outside(hub, tmp_path, capsys, items, monkeypatch, name):
    (tmp_path / "own").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "own"))
    hub.create_repo("me/evil", "dataset", {"good.txt": FILLER, name: FILLER})
    assert "which lies in no repository" in fail(capsys, "--training", "me/evil", "--items", items, "--workers", "1")
    assert not list(tmp_path.rglob("evil.txt"))
