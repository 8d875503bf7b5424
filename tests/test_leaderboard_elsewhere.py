"""collect --every-eval-ever: what others report, in the layout of the datastore, from a folder or a data set."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import leaderboard as board
import pytest
import yaml
from local_hub import LocalHub

STORE = "evaleval/EEE_datastore"


@pytest.fixture(autouse=True)
def place(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(board, "FIRST_WAIT", 0.01)
    return hub


WITH_TOOLS = {"agentic_eval_config": {"available_tools": [{"name": "python"}]}}


def record(model: str = "lab/foo", score: float = 0.5, version: str = "0.3.0", **more: object) -> dict:
    """A record as a converter of the community writes it: no unit, but bounds."""
    metric = {"lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1}
    result = {
        "evaluation_name": "MMLU-PRO",
        "source_data": {"dataset_name": "MMLU-PRO", "source_type": "hf_dataset", "hf_repo": "TIGER-Lab/MMLU-Pro"},
        "metric_config": metric | more.pop("metric", {}),
        "score_details": {"score": score} | more.pop("details", {}),
    }
    return {
        "schema_version": version,
        "evaluation_id": f"x/{model}/1750000000",
        "evaluation_timestamp": "1750000000",
        "retrieved_timestamp": "1750000001",
        "source_metadata": {
            "source_name": "HF Open LLM v2",
            "source_type": "documentation",
            "source_organization_name": "Hugging Face",
            "evaluator_relationship": "third_party",
        },
        "model_info": {"name": model, "id": model, "developer": "lab"},
        "evaluation_results": [result | more],
    }


def put(root: Path, whole: dict | str, collection: str = "hfopenllm_v2") -> str:
    """Writes it where the datastore has it; the path from data/ on."""
    text = whole if isinstance(whole, str) else json.dumps(whole)
    model = "lab/foo" if isinstance(whole, str) else whole["model_info"]["id"]
    owner, _, name = model.partition("/")
    path = f"data/{collection}/{owner}/{name.replace('/', '_')}/{uuid.uuid4()}.json"
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
    return path


def collect(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict, str]:
    code = board.main(["collect", "--json", *map(str, argv)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, json.loads(out) if out else {}, err


def data() -> list[dict]:
    engine, _ = board.open_data(Path("leaderboard"))
    return board.query(engine, "SELECT * FROM scores ORDER BY model, benchmark, value")


@pytest.mark.parametrize("version", ["0.2.0", "0.2.2", "0.3.0"])
def test_clone_of_the_datastore(tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str) -> None:
    root = tmp_path / "EEE"
    path = put(root, record(score=0.625, version=version, details={"uncertainty": {"num_samples": 80}}))
    put(root, record("lab/bar", 62.5, version, metric={"metric_unit": "percent", "max_score": 100}))
    samples = root / path.replace(".json", "_samples.jsonl")
    samples.write_text("not read\n")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".git" / "config").write_text(f'[remote "origin"]\n\turl = https://huggingface.co/datasets/{STORE}\n')
    code, metadata, _ = collect(capsys, "--every-eval-ever", root)
    assert code == 0 and metadata["every_eval_ever"] == {"records": 2, "results": 2, "kept": 2}
    bar, foo = data()
    assert (foo["benchmark"], foo["comparable"], foo["n"], foo["unit"]) == ("mmlu_pro", 0.625, 80, "proportion")
    assert (bar["comparable"], bar["value"], bar["unit"]) == (0.625, 62.5, "percent")
    assert (foo["source_type"], foo["source_name"], foo["contributor"]) == (
        "reported",
        "HF Open LLM v2",
        "Hugging Face",
    )
    assert foo["source_url"] == f"https://huggingface.co/datasets/{STORE}/blob/main/{path}"
    assert foo["date"] == "2025-06-15T15:06:40Z"


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ("mmlu_pro", None)),
        ({"evaluation_name": "choice"}, ("mmlu_pro", None)),  # what a converter writes when it has the scorer alone
        ({"evaluation_name": "mmlu_pro:math"}, ("mmlu_pro", "a part of MMLU-Pro: math")),
        ({"evaluation_name": "Abstract Algebra"}, None),  # a subject: its data set's name is not its own
        ({"evaluation_name": "our own thing", "source_data": {"dataset_name": "x", "source_type": "other"}}, None),
        ({"metric": {"lower_is_better": True}}, ("mmlu_pro", "less is better of it, as its record says")),
        ({"generation_config": {"generation_args": WITH_TOOLS}}, ("mmlu_pro", board.USED_TOOLS)),
        ({"generation_config": {"generation_args": {"agentic_eval_config": {}}}}, ("mmlu_pro", None)),
        ({"metric": {"metric_id": "f1"}}, ("mmlu_pro", "f1 is not the metric that MMLU-Pro is ranked by")),
        (
            {"metric": {"metric_id": "accuracy", "min_score": None, "max_score": None}, "score": 0.07},
            ("mmlu_pro", None),
        ),
        (
            {"generation_config": {"additional_details": {"limit": "10"}}},
            ("mmlu_pro", "a partial run (limit 10), no score"),
        ),
    ],
)
def test_what_a_result_is_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict, found: tuple | None
) -> None:
    put(tmp_path / "EEE", record(**more))
    put(tmp_path / "EEE", record("lab/other", 0.5))
    code, metadata, _ = collect(capsys, "--every-eval-ever", tmp_path / "EEE")
    rows = [row for row in data() if row["model"] == "lab/foo"]
    assert code == 0 and [(row["benchmark"], row["why_not"]) for row in rows] == ([found] if found else [])
    assert metadata["every_eval_ever"].get("no_benchmark", 0) == (found is None)


@pytest.mark.parametrize("said", [{"limit": "10"}, {"command": "lm_eval --model hf --tasks mmlu_pro --limit 10"}])
def test_a_limit_is_seen_wherever_a_record_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], said) -> None:
    library = {"name": "lm_eval", "version": "0.4.9", "additional_details": said}
    put(tmp_path / "EEE", record() | {"eval_library": library})
    put(tmp_path / "EEE", record("lab/other", 0.5))
    assert collect(capsys, "--every-eval-ever", tmp_path / "EEE")[0] == 0
    (row,) = [row for row in data() if row["model"] == "lab/foo"]
    assert row["why_not"] == "a partial run (limit 10), no score"


@pytest.mark.parametrize(
    "whole",
    [
        "", "{", "[]", "null", "3", '"x"', "{}", json.dumps({"schema_version": "9.0"}), "[" * 100_000,
        json.dumps(record() | {"schema_version": "0.1.0"}), json.dumps(record() | {"model_info": {}}),
        json.dumps(record() | {"model_info": None}), json.dumps(record() | {"evaluation_results": [None]}),
        json.dumps(record() | {"evaluation_results": [{"evaluation_name": "MMLU-Pro"}]}),
        json.dumps(record(score=3)), json.dumps(record(score="many")), json.dumps(record()).replace("0.5", "NaN"),
        json.dumps(record(details={"uncertainty": []}, score=[])), '{"schema_version": "' + "x" * 5_000_000 + '"}',
    ],
)  # fmt: skip
def test_file_that_is_damaged_or_hostile_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: str
) -> None:
    put(tmp_path / "EEE", record("lab/good"))
    path = put(tmp_path / "EEE", whole)
    code, metadata, _ = collect(capsys, "--every-eval-ever", tmp_path / "EEE")
    assert code == 0 and [row["model"] for row in data()] == ["lab/good"]
    assert [item["where"] for item in metadata["unreadable"]] == [path]


def test_links_and_names_do_not_lead_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "EEE", record("lab/good\x1b[2J\u202egp"))
    outside = tmp_path / "outside" / "dev" / "model"
    outside.mkdir(parents=True)
    (outside / f"{uuid.uuid4()}.json").write_text(json.dumps(record("lab/outside")))
    os.symlink(tmp_path / "outside", tmp_path / "EEE" / "data" / "linked")
    assert collect(capsys, "--every-eval-ever", tmp_path / "EEE")[0] == 0
    (row,) = data()
    assert row["model"].startswith("lab/good") and row["model"].isprintable()


def test_only_models_that_are_named(tmp_path: Path, place: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("lab/Foo", "lab/bar", "other/foo"):
        put(tmp_path / "EEE", record(model, 0.7))
    place.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
    row = [{"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"}, "value": 71.5}]
    place.create_repo("lab/Foo", files={".eval_results/mmlu_pro.yaml": yaml.safe_dump(row)})
    (tmp_path / "models.txt").write_text("lab/Foo\n")
    for source in (("--repo-ids", "models.txt"), ("--official",)):
        code, metadata, _ = collect(capsys, *source, "--every-eval-ever", tmp_path / "EEE")
        assert code == 0 and metadata["every_eval_ever"]["records"] == 1
        rows = {row["source_type"]: row for row in data()}
        assert {row["model"] for row in rows.values()} == {"lab/Foo"} and len(rows) == 2
        assert not rows["reported"]["shown"] and rows["reported"]["comparable"] == 0.7


def test_data_set_on_the_hub(tmp_path: Path, place: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        put(tmp_path / "EEE", record(f"lab/m{number}", 0.1 + number / 10))
    files = {str(p.relative_to(tmp_path / "EEE")): p.read_bytes() for p in (tmp_path / "EEE").rglob("*.json")}
    more = {path.replace(".json", "_samples.jsonl"): b"{}\n" for path in files}
    place.create_repo(STORE, "dataset", files | more)
    code, _, err = collect(capsys, "--every-eval-ever")
    assert code == 0 and "fetching 3 records" in err
    sha = place.commits(STORE, repo_type="dataset")[0].oid
    assert {row["source_url"] for row in data()} == {f"{place.url}/datasets/{STORE}/blob/{sha}/{p}" for p in files}
    assert place.count("GET", "_samples.jsonl") == 0


def test_too_many_records_for_single_requests(place: LocalHub, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MOST_DOWNLOADS", 2)
    files = {f"data/c/lab/m{number}/{uuid.uuid4()}.json": json.dumps(record(f"lab/m{number}")) for number in range(3)}
    place.create_repo(STORE, "dataset", files)
    code, _, err = collect(capsys, "--every-eval-ever", STORE)
    assert code == 3 and f"git clone --depth 1 https://huggingface.co/datasets/{STORE}" in err


@pytest.mark.parametrize("name", ["nobody/nothing", "no such folder", "../x"])
def test_no_such_place(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert collect(capsys, "--every-eval-ever", name)[0] == 2


def test_folder_of_another_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    assert collect(capsys, "--every-eval-ever", tmp_path / "other")[0] == 1


def test_what_has_not_changed_is_not_read_again(capsys, monkeypatch, tmp_path):
    """A second collect opens only the files that are new or other; and gives what one from the start gives."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "store"
    paths = [put(root, record(f"lab/m{n}", n / 10)) for n in range(1, 7)]
    for path in paths:
        os.utime(root / path, (1_700_000_000, 1_700_000_000))

    def values() -> dict[str, float]:
        return {row["model"]: row["value"] for row in data()}

    assert "have not changed" not in collect(capsys, "--every-eval-ever", root)[2]
    first = data()
    assert "6 of 6 records have not changed" in collect(capsys, "--every-eval-ever", root)[2]
    assert data() == first
    changed = root / paths[0]
    changed.write_text(changed.read_text().replace("0.1", "0.9"), encoding="utf-8")  # of the same size
    os.utime(changed, (1_700_000_000, 1_700_000_000))  # and the same time
    (root / paths[1]).unlink()
    put(root, record("lab/m9", 0.45))
    assert "4 of 6 records" in collect(capsys, "--every-eval-ever", root)[2]
    assert values() == {"lab/m1": 0.9, "lab/m3": 0.3, "lab/m4": 0.4, "lab/m5": 0.5, "lab/m6": 0.6, "lab/m9": 0.45}
    again = data()
    for kept in (tmp_path / "cache" / "hub-evals" / "records").iterdir():
        kept.write_bytes(b"damaged")
    assert "have not changed" not in collect(capsys, "--every-eval-ever", root)[2]
    assert data() == again, "a damaged cache is no cache"
    (root / paths[2]).write_text("{", encoding="utf-8")
    _, metadata, _ = collect(capsys, "--every-eval-ever", root)
    assert metadata["every_eval_ever"]["unreadable"] == 1


# --- One table of many benchmarks ---


def wide(path: Path, *rows: tuple) -> Path:
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    names = (
        "model_id, model_name, provider, license, gpqa_score, hle_score, mmluPro_score, sweVerified_score, new_score"
    )
    with duckdb.connect() as engine:
        kinds = ", ".join(f"{name} {'DOUBLE' if name.endswith('_score') else 'VARCHAR'}" for name in names.split(", "))
        engine.execute(f"CREATE TABLE t ({kinds}, aggregate_score DOUBLE, coverage_count BIGINT)")
        for row in rows:
            engine.execute(f"INSERT INTO t VALUES ({', '.join('?' * 11)})", list(row))
        engine.table("t").write_parquet(str(path))
    return path


FOO = ("foo", "lab/foo", "Lab", "mit", 40.1, 9.5, 61.0, 33.2, 1.0, 29.1, 4)


def test_table_of_many_benchmarks(place: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bar = ("lab/bar", "Bar", "Lab", None, None, None, 55.5, None, None, 55.5, 1)
    unknown = ("baz", "Baz 7B", "Lab", None, None, None, 70.0, None, None, 70.0, 1)
    file = wide(tmp_path / "x.parquet", FOO, bar, unknown)
    files = {"data/train-00000-of-00001.parquet": file.read_bytes(), "README.md": "x"}
    place.create_repo("OpenEvals/leaderboard-data", "dataset", files)
    code, metadata, err = collect(capsys, "--leaderboard-data")
    assert code == 0 and metadata["leaderboard_data"] == {
        "records": 2, "results": 6, "kept": 5, "no_benchmark": 1, "unreadable": 1,
    }  # fmt: skip
    assert "names no model of the Hub: 'Baz 7B'" in err
    rows = {(row["model"], row["benchmark"]): row for row in data()}
    one = rows["lab/foo", "mmlu_pro"]
    assert (one["value"], one["comparable"], one["source_type"], one["source_name"], one["contributor"]) == (
        61.0, 0.61, "reported", "OpenEvals/leaderboard-data", "OpenEvals",
    )  # fmt: skip
    assert one["source_url"].endswith("/data/train-00000-of-00001.parquet") and "/blob/" in one["source_url"]
    assert rows["lab/foo", "hle"]["comparable"] == 0.095 and rows["lab/bar", "mmlu_pro"]["comparable"] == 0.555
    assert rows["lab/foo", "swe_bench_verified"]["comparable"] == 0.332
    assert rows["lab/foo", "gpqa"]["comparable"] is None and "which task" in rows["lab/foo", "gpqa"]["why_not"]


def test_table_of_many_benchmarks_beside_other_sources(
    place: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of models that are named otherwise alone, and never shown where somebody nearer to the model says a value."""
    file = wide(tmp_path / "x.parquet", FOO, ("", "lab/other", "Lab", *FOO[3:]))
    entry = {"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"}, "value": 62.5}
    place.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
    place.create_repo("lab/foo", files={".eval_results/x.yaml": yaml.safe_dump([entry])})
    (tmp_path / "models.txt").write_text("lab/foo\n")
    assert collect(capsys, "--repo-ids", "models.txt", "--leaderboard-data", file)[0] == 0
    rows = [row for row in data() if row["benchmark"] == "mmlu_pro"]
    assert [(row["model"], row["value"], row["shown"]) for row in rows] == [
        ("lab/foo", 61.0, False),
        ("lab/foo", 62.5, True),
    ]
    assert {row["model"] for row in data()} == {"lab/foo"}


@pytest.mark.parametrize("name", ["t[1].parquet", "t*.parquet", "t?.parquet", "model_name=lab%2Fevil/t.parquet"])
def test_table_called_like_a_pattern_is_that_file(
    place: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Not another that the name would fit; and a folder's name is no column."""
    for other in ("t1.parquet", "tx.parquet"):
        wide(tmp_path / other, ("", "lab/other", "Lab", *FOO[3:]))
    (tmp_path / name).parent.mkdir(exist_ok=True)
    assert collect(capsys, "--leaderboard-data", wide(tmp_path / name, FOO))[0] == 0
    assert {row["model"] for row in data()} == {"lab/foo"}


@pytest.mark.parametrize("form", ["text", "empty", "no_scores", "no_file", "several", "gone"])
def test_table_that_is_none(place: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    import duckdb

    file = tmp_path / "x.parquet"
    file.write_bytes(b"" if form == "empty" else b"PAR1 this is no table PAR1")
    if form == "no_scores":
        duckdb.sql("SELECT 1 AS model_name").write_parquet(str(file))
    if form in ("no_file", "several"):
        files = {f"{n}.parquet": b"x" for n in range(2)} if form == "several" else {"README.md": "x"}
        place.create_repo("lab/table", "dataset", files)
    asked = file if form in ("text", "empty", "no_scores") else "lab/gone" if form == "gone" else "lab/table"
    code, _, err = collect(capsys, "--leaderboard-data", asked)
    assert code == 2 and len(err.strip().splitlines()) <= 2
