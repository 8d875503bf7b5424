"""Hostile files in forms of others: Arrow, YAML, archives of logs, records of a datastore."""

import io
import json
import os
import random
import struct
import sys
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hostile.slots import ADD, COMPARE, RANK, RECORD, lay_corpus, lay_run
from test_hostile import cage, faults  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts.board.elsewhere import clone_address  # noqa: E402
from parts.foreign import iso_time  # noqa: E402
from parts.frame import ScriptError, count_in, natural_key  # noqa: E402
from parts.names import disguised  # noqa: E402
from parts.outgoing import outgoing, visible  # noqa: E402
from parts.parquet import arrow_batches, dense_size, small_batches  # noqa: E402
from parts.records.files import moment_in, record_files  # noqa: E402
from parts.yaml_tree import load_yaml  # noqa: E402


def write_arrow(path, table, compression=None, stream=False, rows=1000):
    import pyarrow

    kind = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    options = pyarrow.ipc.IpcWriteOptions(compression=compression)
    with pyarrow.OSFile(str(path), "wb") as file, kind(file, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_arrow_files_are_read_as_they_were_written(tmp_path, compression, stream):
    import pyarrow

    table = pyarrow.table(
        {
            "text": [f"text {n}" for n in range(2500)],
            "lists": [[1, 2]] * 2500,
            "nested": [{"a": "x", "b": [{"c": "y"}]}] * 2500,
            "coded": pyarrow.array(["a", "b"] * 1250).dictionary_encode(),
            "nothing": pyarrow.nulls(2500),
            "pairs": pyarrow.array([[1, 2]] * 2500, pyarrow.list_(pyarrow.int8(), 2)),
        }
    )
    write_arrow(tmp_path / "a.arrow", table, compression, stream)
    found = list(arrow_batches(tmp_path / "a.arrow", None))
    assert [row for _, batch in found for row in batch.to_pylist()] == table.to_pylist()
    assert [first for first, _ in found] == [1, 1001, 2001]


def bomb(name):
    """A column that is larger than its file lets one think, and how it is packed there."""
    import pyarrow

    one_text = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, "int32"), pyarrow.array(["w " * 100_000]))
    lists = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 2000, "int32"), pyarrow.array([[1] * 1000]))
    nothing = pyarrow.FixedSizeBinaryArray.from_buffers(pyarrow.binary(0), 10**8, [None, pyarrow.py_buffer(b"")])
    if name == "packed":  # made where it is wanted: 300 MB
        return pyarrow.array(["word " * 200] * 300_000), "zstd"
    return {
        "one text": (one_text, "zstd"),
        "one text, not packed": (one_text, None),
        "one list": (lists, None),
        "runs": (pyarrow.RunEndEncodedArray.from_arrays([100_000_000], ["x" * 100]), None),
        "views": (pyarrow.array(["x" * 100], pyarrow.string_view()), None),
        "keys of maps": (pyarrow.MapArray.from_arrays(range(2001), one_text, pyarrow.array([1] * 2000)), None),
        "lists of one size": (pyarrow.FixedSizeListArray.from_arrays(one_text, 20), None),
        "nothing in objects": (pyarrow.StructArray.from_buffers(pyarrow.struct([]), 10**8, [None]), None),
        "nothing in bytes": (nothing, None),
    }[name]


BOMBS = ["packed", "one text", "one text, not packed", "one list", "runs", "views", "keys of maps", "lists of one size",
         "nothing in objects", "nothing in bytes"]  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("as_items", [False, True])
def test_arrow_bombs_are_refused_before_they_are_unpacked(cage, tmp_path, name, as_items):  # noqa: F811
    import pyarrow

    lay_corpus(tmp_path)
    column, compression = bomb(name)
    write_arrow(tmp_path / "b.arrow", pyarrow.table({"text": column, "question": column}), compression, rows=10**9)
    training, items = ("training.txt", "b.arrow") if as_items else ("b.arrow", "items.jsonl")
    argv = ["--training", training, "--items", items, "--workers", "1"]
    done = cage.run("check_contamination", argv, tmp_path, seconds=30, megabytes=3000)
    assert done.code in (2, 3) and done.megabytes < 700 and not faults(done), done
    assert "as a bomb does" in done.err + done.out or "are not read" in done.err + done.out


def doubled_columns():
    import pyarrow

    one = pyarrow.array(["Why is the sky blue?"])
    inner = pyarrow.StructArray.from_arrays([one, one], fields=[pyarrow.field("a", one.type)] * 2)
    return {
        "columns": pyarrow.table([one, one], names=["text", "text"]),
        "fields": pyarrow.table([inner], names=["text"]),
        "fields in lists": pyarrow.table([pyarrow.ListArray.from_arrays([0, 1], inner)], names=["text"]),
    }


@pytest.mark.parametrize("name", ["columns", "fields", "fields in lists"])
@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_a_table_that_names_two_columns_alike_is_refused(cage, tmp_path, name, kind):  # noqa: F811
    import pyarrow.parquet

    lay_corpus(tmp_path)
    table = doubled_columns()[name]
    if kind == "arrow":
        write_arrow(tmp_path / "b.arrow", table)
    else:
        pyarrow.parquet.write_table(table, tmp_path / "b.parquet")
    argv = ["--training", f"b.{kind}", "--items", "items.jsonl", "--workers", "1"]
    done = cage.run("check_contamination", argv, tmp_path)
    assert done.code == 2 and "two columns are named" in done.err, done


@pytest.mark.parametrize("stream", [True, False])
def test_what_stands_behind_the_rows_of_an_arrow_file_is_not_passed_over(cage, tmp_path, stream):  # noqa: F811
    import pyarrow

    lay_corpus(tmp_path)
    write_arrow(tmp_path / "b.arrow", pyarrow.table({"text": ["nothing of it here"] * 9}), stream=stream)
    argv = ["--training", "b.arrow", "--items", "items.jsonl", "--workers", "1"]
    assert cage.run("check_contamination", argv, tmp_path).code == 0
    write_arrow(tmp_path / "c.arrow", pyarrow.table({"text": ["the items"] * 9}), stream=stream)
    with (tmp_path / "b.arrow").open("ab") as file:
        file.write((tmp_path / "c.arrow").read_bytes())
    done = cage.run("check_contamination", argv, tmp_path)
    assert done.code == 2 and "behind the end" in done.err, done


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp037", "cp1251"])
def test_text_in_another_encoding_behind_plain_text_is_no_text_that_was_read(cage, tmp_path, encoding):  # noqa: F811
    lay_corpus(tmp_path)
    sign = "я" if encoding == "cp1251" else "a"
    plain = b"A line of plain text that says nothing of any benchmark.\n" * 800
    (tmp_path / "t.txt").write_bytes(plain + f"{sign * 9} {sign * 7}\n".encode(encoding) * 40)
    argv = ["--training", "t.txt", "--items", "items.jsonl", "--workers", "1"]
    done = cage.run("check_contamination", argv, tmp_path)
    assert done.code == 3 and "not UTF-8: convert them" in done.err + done.out, done
    (tmp_path / "t.txt").write_bytes(plain + "Café, naïve: a word in Latin-1, où l’on parle.\n".encode("cp1252") * 300)
    assert cage.run("check_contamination", argv, tmp_path).code == 0


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2\n", "&k a: 1\n*k : 2\n", "a: 1\nx: &k a\n*k : 2\n", "? &k a\n: 1\n? *k\n: 2\n", '"a": 1\na: 2\n'],
)
def test_a_key_of_yaml_stands_once_however_it_is_written(text):
    with pytest.raises(ScriptError, match="occurs twice"):
        load_yaml(text, "policy.yaml")


def test_aliases_that_are_no_repetition_are_read():
    assert load_yaml("a: &k b\n*k : 2\nc: *k\n", "policy.yaml")[0] == {"a": "b", "b": 2, "c": "b"}


def test_a_result_file_of_yaml_with_a_score_twice_is_no_result(cage, tmp_path):  # noqa: F811
    text = "results:\n  tasks:\n    mmlu:\n      metrics:\n        acc:\n          scores:\n            micro:\n"
    (tmp_path / "results.yml").write_text(text + "              value: 0.31\n              value: 0.99\n")
    done = cage.run("convert_results", ["results.yml", "--output-dir", "out", "--model-id", "acme/x"], tmp_path)
    assert done.code == 2 and "occurs twice" in done.err + done.out and not (tmp_path / "out").exists(), done


def test_the_date_of_a_result_is_not_in_the_future_either(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    record["evaluation_results"][0]["evaluation_timestamp"] = "2099-01-01T00:00:00Z"
    (tmp_path / RECORD).write_text(json.dumps(record))
    for script, *argv in (RANK, COMPARE):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code == 2 and "future" in outcome.err, outcome
    assert cage.run(ADD[0], list(ADD[1:]), tmp_path).code in (1, 2)


def test_a_record_that_is_a_link_out_of_its_folder_is_not_read(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    own = tmp_path / RECORD
    own.rename(tmp_path / "elsewhere" / own.name)
    own.symlink_to(tmp_path / "elsewhere" / own.name)
    for script, *argv in (RANK, COMPARE, ADD):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code == 2 and "a link out of the folder of results" in outcome.err, outcome


def test_records_in_the_hubs_own_cache_are_read(tmp_path):
    blobs, snapshot = tmp_path / "datasets--a--b" / "blobs", tmp_path / "datasets--a--b" / "snapshots" / "1" / "data"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "x").write_text("{}")
    (snapshot / "a.json").symlink_to(blobs / "x")
    assert record_files([snapshot]) == [snapshot / "a.json"]
    (snapshot / "b.json").symlink_to(tmp_path / "datasets--a--b" / "blobs" / ".." / "y.json")
    with pytest.raises(ScriptError, match="a link out of"):
        record_files([snapshot])


@pytest.mark.parametrize(
    ("text", "value"),
    [("1:31.6", "1:31.6"), ("1:30", "1:30"), ("010", "010"), ("0b11", "0b11"), ("1_000", "1_000"), ("1_0.5", "1_0.5"),
     ("31.6", 31.6), ("0", 0), ("-7", -7), ("0.5", 0.5), ("1e3", "1e3"), ("1.0e+3", 1000.0), ("0x1F", 31)],
)  # fmt: skip
def test_a_number_of_old_yaml_alone_is_a_text(text, value):
    assert load_yaml(f"a: {text}\n", "card.md")[0] == {"a": value}


@pytest.mark.parametrize("kind", ["hard link", "pipe", "link", "folder"])
def test_a_lock_is_no_other_file(cage, tmp_path, kind):  # noqa: F811
    (tmp_path / "b").mkdir()
    (tmp_path / "precious").write_text("mine")
    lock = tmp_path / "b" / ".lock"
    {
        "hard link": lambda: os.link(tmp_path / "precious", lock),
        "pipe": lambda: os.mkfifo(lock),
        "link": lambda: lock.symlink_to(tmp_path / "precious"),
        "folder": lock.mkdir,
    }[kind]()
    (tmp_path / "ids").write_text("acme/m\n")
    done = cage.run("evaluation_manager", ["batch", "--repo-ids", "ids", "--output-dir", "b"], tmp_path)
    assert done.code == 2 and "a lock is a file by itself" in done.err, done
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("place", ["model", "benchmark", "data"])
def test_a_name_that_looks_like_anothers_is_not_read(cage, tmp_path, place):  # noqa: F811
    lay_run(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    for row in record["evaluation_results"]:
        if place == "benchmark":
            row["evaluation_name"] = "m\u0430th_reasoning"
        elif place == "data":
            row["source_data"] = {"dataset_name": "\u041c\u041cLU", "source_type": "other"}
    if place == "model":
        record["model_info"]["id"] = "acme/lum\u0435n"
    (tmp_path / RECORD).write_text(json.dumps(record))
    for script, *argv in (RANK, COMPARE):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code == 2 and "in a Latin word" in outcome.err, outcome


def test_names_in_other_alphabets_are_names():
    for name in ("\u043c\u043e\u0434\u0435\u043b\u044c-7B", "\u5343\u554f-Qwen2", "\u03b2-VAE", "Caf\u00e9-1b", "x/y"):
        assert disguised(name) is None
    for name in (
        "\u03c4bench",
        "\u03b2VAE",
        "\u03bcBench",
        "\u03c4\u00b2-Bench",
        "\u03b1\u03b2-CROWN",
    ):  # Greek stands in names
        assert disguised(name) is None
    assert disguised("\u041c\u041cLU") == "CYRILLIC CAPITAL LETTER EM"


@pytest.mark.parametrize("field", ["limit", "attempts", "few_shot", "max_tokens"])
def test_numbers_of_five_thousand_digits_are_no_fault_of_the_program(cage, tmp_path, field):  # noqa: F811
    lay_run(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    result = record["evaluation_results"][0]
    result.setdefault("generation_config", {}).setdefault("additional_details", {})[field] = "9" * 5000
    result["source_data"].setdefault("additional_details", {})[field] = "9" * 5000
    result["score_details"].setdefault("details", {})[field] = "9" * 5000
    (tmp_path / RECORD).write_text(json.dumps(record))
    for script, *argv in (RANK, COMPARE, (*COMPARE, "--rule", "finetune", "--target", "math_reasoning"), ADD):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code in (0, 1, 2, 3) and not faults(outcome), outcome


def test_whole_numbers_in_texts():
    assert [count_in(text) for text in ("12", "007", "", "-1", "1.0", 3, None, "9" * 19)] == [12, 7, *[None] * 6]
    assert sorted(["b9", "b10", "b" + "1" * 5000], key=natural_key)[:2] == ["b9", "b10"]


def test_an_archive_of_a_million_names_is_not_opened(cage, tmp_path):  # noqa: F811
    name, sink = b"header.json", io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name.decode(), "{}")
    first = sink.getvalue()[: sink.getvalue().index(b"PK\1\2")]
    entry = b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    index = b"".join(entry + b"%06x" % n for n in range(1_000_000))
    end = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 10**6, 10**6, len(index), len(first))
    end += b"PK\6\7" + struct.pack("<IQI", 0, len(first) + len(index), 1)
    end += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(index), len(first), 0)
    (tmp_path / "2026-01-01T00-00-00_toy.eval").write_bytes(first + index + end)
    done = cage.run("convert_results", [".", "--output-dir", "out"], tmp_path, seconds=30, megabytes=3000)
    assert done.code in (1, 2) and done.megabytes < 500 and "index of" in done.err + done.out, done


def lay_datastore(folder, change):
    lay_run(folder)
    record = json.loads((folder / RECORD).read_text())
    place = folder / "store" / "data" / "toy" / "acme" / "x"
    place.mkdir(parents=True)
    (place / "a.json").write_text(change(json.dumps(record)))


TWICE = '"score": ', '"score": 0.99, "score": '
TO_COME = '"evaluation_timestamp": "', '"evaluation_timestamp": "2099-01-01", "_": "'


@pytest.mark.parametrize(("change", "said"), [(TWICE, "twice"), (TO_COME, "future")])
def test_records_of_a_datastore_are_refused_as_ones_own_are(cage, tmp_path, change, said):  # noqa: F811
    lay_datastore(tmp_path, lambda text: text.replace(*change, 1))
    argv = ["collect", "--every-eval-ever", "store", "--output-dir", "board", "--json"]
    done = cage.run("leaderboard", argv, tmp_path)
    assert said in done.out + done.err and '"unreadable": 1' in done.out, done


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://huggingface.co/datasets/evaleval/EEE_datastore", True),
        ("https://user:secret@huggingface.co/datasets/evaleval/EEE_datastore.git", True),
        ("git@hf.co:datasets/evaleval/EEE_datastore", True),
        ("https://evil.example/?huggingface.co/datasets/evaleval/EEE_datastore", False),
        ("https://evil.example/huggingface.co/datasets/evaleval/EEE_datastore", False),
        ("https://huggingface.co.evil.example/datasets/evaleval/EEE_datastore", False),
        ("https://evil.example#@huggingface.co/datasets/evaleval/EEE_datastore", False),
    ],
)
def test_a_clone_is_of_the_hub_when_its_remote_is(tmp_path, url, found):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {url}\n')
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    page = "https://huggingface.co/datasets/evaleval/EEE_datastore/blob/main"
    assert clone_address(tmp_path) == (page if found else "")


@pytest.mark.parametrize("sign", ["\U000e0100", "\U000e01ef", "\u3164", "\u115f", "\u2800", "\u034f", "\uffa0"])
def test_letters_that_nobody_sees_are_written_out(sign):
    assert sign not in outgoing(f"MMLU{sign}") and "\\u" in outgoing(f"MMLU{sign}")


def test_emoji_and_persian_stay():
    assert outgoing("\u2764\ufe0f \U0001f468\u200d\U0001f469 \u0645\u06cc\u200c") == (
        "\u2764\ufe0f \U0001f468\u200d\U0001f469 \u0645\u06cc\u200c"
    )


NEVER_DRAWN = [(0xAD,), (0x34F,), (0x61C,), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
               (0x202A, 0x202E), (0x2060, 0x206F), (0x3164,), (0xFE00, 0xFE0F), (0xFEFF,), (0xFFA0,), (0xFFF0, 0xFFF8),
               (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)]  # fmt: skip


def test_no_sign_that_nobody_sees_leaves_behind_a_letter():
    """Of Unicode's property Default_Ignorable_Code_Point and its categories of signs that are not drawn."""
    unseen = {code for first, *last in NEVER_DRAWN for code in range(first, (last or [first])[0] + 1)}
    unseen |= {code for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert [hex(code) for code in sorted(unseen - {9, 10}) if chr(code) in visible(f"a{chr(code)}b")] == []
    assert visible("a\ufe0f\u200db\U000e1000") == "a\\ufe0f\\u200db\\udb44\\udc00"
    assert visible("1\ufe0f2") == "1\\ufe0f2"


@pytest.mark.parametrize(
    "text", ["1\ufe0f\u20e3", "\u2764\ufe0f\u200d\U0001f525", "\u0915\u094d\u200d\u0937", "\u1820\u180b"]
)
def test_signs_that_shape_what_is_before_them_stay(text):
    assert visible(text) == text


@pytest.mark.parametrize("text", ["20990101", "2099-01-01", "20990101T000000", "4070908800", "4070908800.5",
                                  "2099-W01-4", "99999999999", "2099-01-01 00:00"])  # fmt: skip
def test_a_time_is_shown_as_it_is_judged(text):
    shown = iso_time(text)
    assert int(moment_in(text)) == int(moment_in(shown)) > 4_000_000_000


@pytest.mark.parametrize(
    "text", ["2099", "1234567", "7", "1e11", "4070908800000000", "\u0664" * 10, "soon", "", "None"]
)
def test_what_is_no_time_is_none_for_all(text):
    assert iso_time(text) is moment_in(text) is None


def test_a_record_of_a_day_to_come_in_eight_digits_is_refused(cage, tmp_path):  # noqa: F811
    lay_datastore(tmp_path, lambda text: text.replace(TO_COME[0], '"evaluation_timestamp": "20990101", "_": "', 1))
    argv = ["collect", "--every-eval-ever", "store", "--output-dir", "board", "--json"]
    done = cage.run("leaderboard", argv, tmp_path)
    assert "future" in done.out + done.err and '"unreadable": 1' in done.out, done


def random_type(dice, depth=3):
    import pyarrow as pa

    plain = [pa.int8(), pa.bool_(), pa.float64(), pa.string(), pa.large_binary(), pa.binary(0), pa.binary(3), pa.null(),
             pa.dictionary(pa.int8(), pa.string()), pa.date32(), pa.decimal128(5), pa.struct([])]  # fmt: skip
    which = dice.randrange(8) if depth else 9
    if which > 4:
        return dice.choice(plain)
    inner = random_type(dice, depth - 1)
    if which == 4:
        key = dice.choice([pa.string(), pa.int8(), pa.binary(0), pa.dictionary(pa.int8(), pa.string())])
        return pa.map_(key, inner)
    named = [(name, random_type(dice, depth - 1)) for name in "abc"[: dice.randrange(1, 4)]]
    return [pa.list_(inner), pa.large_list(inner), pa.list_(inner, dice.randrange(3)), pa.struct(named)][which]


def random_value(dice, kind, needed=False):
    import pyarrow as pa

    is_ = pa.types
    if is_.is_null(kind) or (not needed and dice.random() < 0.15):
        return None
    if is_.is_struct(kind):
        return {field.name: random_value(dice, field.type) for field in kind}
    if is_.is_map(kind):
        pairs = range(dice.randrange(4))
        return [(random_value(dice, kind.key_type, True), random_value(dice, kind.item_type)) for _ in pairs]
    if is_.is_fixed_size_list(kind):
        return [random_value(dice, kind.value_type) for _ in range(kind.list_size)]
    if is_.is_list(kind) or is_.is_large_list(kind):
        return [random_value(dice, kind.value_type) for _ in range(dice.randrange(4))]
    if is_.is_fixed_size_binary(kind):
        return b"x" * kind.byte_width
    if is_.is_large_binary(kind):
        return b"y" * dice.randrange(4)
    if is_.is_boolean(kind):
        return True
    return "w" * dice.randrange(20) if is_.is_dictionary(kind) or is_.is_string(kind) else dice.randrange(100)


def python_values(value):
    """How many values Python makes, texts by their length, too."""
    if isinstance(value, dict):
        return 1 + sum(map(python_values, value.values()))
    return 1 + sum(map(python_values, value)) if isinstance(value, list | tuple) else 1


@pytest.mark.parametrize("seed", range(300))
def test_the_size_of_rows_is_known_before_they_are_made(seed):
    import pyarrow as pa

    dice = random.Random(seed)
    kind = random_type(dice)
    try:
        array = pa.array([random_value(dice, kind) for _ in range(12)], kind)
    except pa.ArrowNotImplementedError:  # of a dictionary in some lists
        array = pa.array([None] * 12, kind)
    for part in (array, array.slice(3, 5), array.slice(7), array.slice(4, 0)):
        batch = pa.RecordBatch.from_arrays([part], ["a"])
        assert dense_size(part) >= 8 * sum(map(python_values, part.to_pylist())), kind
        assert dense_size(batch) >= 8 * sum(map(python_values, batch.to_pylist())), kind
        assert dense_size(part) <= 8 * 12 * 200 + array.get_total_buffer_size() * 40
        assert [row for one in small_batches(batch, "a") for row in one.to_pylist()] == batch.to_pylist()
