"""A folder of the current one that is called as a harness's data set: it is neither taken for it, nor left.

Run by test_stack_guards.py, in the environment of the harnesses.
"""

import gzip
import importlib.util
import json
import os
import sys
import threading
import types
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytest.importorskip("datasets")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts.frame import ScriptError  # noqa: E402
from parts.harness.evaluated import guard_evaluation  # noqa: E402
from parts.harness.lm_eval_measure import score_filter  # noqa: E402
from parts.harness.lm_eval_tasks import choose_tasks, load_lm_eval_tasks  # noqa: E402
from parts.harness.models import chat_renderer  # noqa: E402
from parts.harness.surroundings import DataLoads, allow_programs, asked_by, guard_imports  # noqa: E402
from parts.harness.vocabulary import Model, TaskRequest  # noqa: E402
from parts.hashes import data_sha256  # noqa: E402

ROWS = "".join(json.dumps({"question": f"q{n}", "answer": str(n)}) + "\n" for n in range(3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a data set of a Hub's name, and a private file beside it."""
    place = tmp_path / "here" / "allenai" / "ai2_arc"
    place.mkdir(parents=True)
    (place / "test.jsonl").write_text(ROWS)
    (tmp_path / "private.jsonl").write_text(ROWS.replace("q", "secret"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return place


def test_a_folder_does_not_stand_in_for_the_hub(folder):
    import datasets

    with asked_by(own_task=False), pytest.raises(ScriptError, match="run the command from another folder") as refused:
        datasets.load_dataset("allenai/ai2_arc")
    assert refused.value.code == 3
    with asked_by(own_task=False), pytest.raises(ScriptError):
        datasets.load_dataset("json", data_files={"test": ["allenai/ai2_arc/test.jsonl"]})
    with asked_by(own_task=True):
        assert len(datasets.load_dataset("allenai/ai2_arc", split="test")) == 3
        assert len(datasets.load_dataset("json", data_files="allenai/ai2_arc/test.jsonl")["train"]) == 3


def test_a_data_set_of_old_is_asked_for_by_the_name_that_the_hub_gives_it(tmp_path, monkeypatch):
    """Without an owner its files have no address for the client."""
    import datasets.load
    from huggingface_hub import HfApi

    asked = []

    def factory(path, **_):
        asked.append(path)
        raise FileNotFoundError(path)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HfApi, "dataset_info", lambda self, name: types.SimpleNamespace(id=f"dair-ai/{name}"))
    monkeypatch.setattr(datasets.load, "dataset_module_factory", factory)
    for name in ("emotion", "o/emotion"):
        with asked_by(own_task=False), pytest.raises(FileNotFoundError):
            datasets.load_dataset(name)
    assert asked == ["dair-ai/emotion", "o/emotion"]


WAYS = {
    "absolute": "configs:\n- config_name: default\n  data_files: {private}\n",
    "up": "configs:\n- config_name: default\n  data_files: ../../../private.jsonl\n",
    "folder": "configs:\n- config_name: default\n  data_dir: ../../..\n",
    "pattern": "configs:\n- config_name: default\n  data_files: '../../../*.jsonl'\n",
    "splits": "configs:\n- config_name: default\n  data_files:\n  - split: test\n    path: {private}\n",
    "anchor": "x: &a {private}\nconfigs:\n- config_name: default\n  data_files: *a\n",
    "archive": "configs:\n- config_name: default\n  data_files: 'zip://a.jsonl::{private}.zip'\n",
    "address": "configs:\n- config_name: default\n  data_files: http://127.0.0.1:9/private.jsonl\n",
    "address as folder": "configs:\n- config_name: default\n  data_dir: file://{private}/..\n",
    "hidden": "configs:\n- config_name: default\n  data_files: '.*.jsonl'\n",
    "escaped": 'configs:\n- config_name: default\n  data_files: "{escaped}"\n',
}


@pytest.mark.parametrize("way", [*WAYS, "link"])
def test_a_card_names_no_file_outside_of_its_folder(folder, way, monkeypatch):
    import datasets

    private = folder.parents[2] / "private.jsonl"
    for copy in (folder / ".secret.jsonl", private.with_name("test.jsonl")):
        copy.write_text(private.read_text())
    with zipfile.ZipFile(f"{private}.zip", "w") as packed:
        packed.write(private, "a.jsonl")
    if way == "link":
        (folder / "test.jsonl").unlink()
        (folder / "test.jsonl").symlink_to(private)
    else:
        escaped = "".join(f"\\x{ord(sign):02x}" for sign in str(private))
        (folder / "README.md").write_text(f"---\n{WAYS[way].format(private=private, escaped=escaped)}---\n")
    places = [(Path.cwd(), "allenai/ai2_arc"), (Path.cwd(), str(folder))]
    if way in ("archive", "address"):  # where the current folder is the data set, an address could be a path inside it
        places.append((folder, "."))
    for start, name in places:
        monkeypatch.chdir(start)
        with asked_by(own_task=True), pytest.raises(ScriptError, match="leads out of that folder"):
            datasets.load_dataset(name)
    assert "secret" not in "".join(
        path.read_text(errors="replace") for path in Path(os.environ["HF_DATASETS_CACHE"]).rglob("*.arrow")
    )


@pytest.mark.parametrize(
    "pattern", ["hf://datasets/me/secret/*", "{private}", "../../me/secret/x.jsonl", "zip://a::a.zip"]
)
def test_a_card_on_the_hub_names_no_file_of_another_repository(folder, pattern, monkeypatch):
    """The client would read it with the user's token: nothing is asked for."""
    import datasets.data_files

    pattern = pattern.format(private=folder.parents[2] / "private.jsonl")
    with asked_by(own_task=False):
        monkeypatch.setattr(DataLoads, "repo", "o/d")
        with pytest.raises(ScriptError, match="its card names"):
            datasets.data_files.resolve_pattern(pattern, "hf://datasets/o/d@main")


def test_a_row_names_no_picture_of_another_repository(folder, monkeypatch):
    import datasets

    monkeypatch.setattr(DataLoads, "repos", {"o/d"})
    for name in ("hf://datasets/me/secret/x.png", "https://huggingface.co/datasets/me/secret/resolve/main/x.png"):
        with pytest.raises(ScriptError, match="nothing was read"), asked_by(own_task=True):
            datasets.Image().decode_example({"bytes": None, "path": name})


CARD = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: test\n    path: {}\n---\n"


@pytest.mark.parametrize("way", ["edited", "hidden", "packed", "another place", "old date", "files of a task"])
def test_what_is_measured_is_what_is_there_now(folder, way, tmp_path, monkeypatch):
    import datasets

    name = {"hidden": ".y.jsonl", "packed": "test.jsonl.gz"}.get(way, "test.jsonl")
    (folder / "test.jsonl").unlink()
    if way != "files of a task":
        (folder / "README.md").write_text(CARD.format(name))

    def loaded(text):
        data = text.encode()
        (folder / name).write_bytes(gzip.compress(data) if way == "packed" else data)
        if way in ("old date", "files of a task"):
            os.utime(folder / name, (10**9, 10**9))
        with asked_by(own_task=True):
            if way == "files of a task":
                files = {"test": f"allenai/ai2_arc/{name}"}
                rows = datasets.load_dataset("json", data_files=files, split="test")
            else:
                rows = datasets.load_dataset("allenai/ai2_arc", split="test")
        return [row["question"] for row in rows], data_sha256(folder)

    first, digest = loaded(ROWS)
    if way == "another place":
        folder = tmp_path / "there" / "allenai" / "ai2_arc"
        folder.mkdir(parents=True)
        (folder / "README.md").write_text(CARD.format(name))
        monkeypatch.chdir(tmp_path / "there")
    second, other = loaded(ROWS.replace(': "q', ': "r'))
    assert (first, second) == (["q0", "q1", "q2"], ["r0", "r1", "r2"])
    assert digest != other


def test_a_metric_is_no_program_of_the_current_folder(folder):
    evaluate = pytest.importorskip("evaluate")
    Path("exact_match").mkdir()
    Path("exact_match/exact_match.py").write_text("open('ran', 'w')\n")
    with asked_by(own_task=False), pytest.raises(ScriptError, match="exact_match"):
        evaluate.load("exact_match")
    assert not Path("ran").exists()


def test_a_program_of_the_hub_is_refused_whoever_hides_the_error(folder, tmp_path):
    """lm-eval itself goes on without a metric that it could not load."""
    pytest.importorskip("evaluate")
    place = tmp_path / "lm_eval" / "registry.py"
    place.parent.mkdir()
    place.write_text(
        "def metric():\n    try:\n        import evaluate\n        return evaluate.load('rouge')\n"
        "    except Exception:\n        return None\n"
    )
    spec = importlib.util.spec_from_file_location("registry", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    allow_programs(False, "local")
    with pytest.raises(ScriptError, match="--trust-remote-code lets it"), asked_by(own_task=True):
        assert module.metric() is None


def test_ordinary_tasks_ask_for_no_program_of_the_hub():
    if importlib.util.find_spec("lm_eval") is None:
        pytest.skip("lm-eval is not installed here")
    ordinary = "gsm8k mmlu arc_challenge hellaswag ifeval truthfulqa_mc2 winogrande drop bbh leaderboard minerva_math"
    choose_tasks([TaskRequest(name, None) for name in ordinary.split()], None, None)
    choose_tasks([TaskRequest(name, None) for name in ("humaneval", "mbpp", "humaneval_plus")], None, "local")
    for name in ("squadv2", "kobest_copa", "meqsum", "catalan_bench"):
        with pytest.raises(ScriptError, match="runs a program of the Hub"):
            choose_tasks([TaskRequest(name, None)], None, "local")
        choose_tasks([TaskRequest(name, None)], None, None, trusted=True)


@pytest.mark.parametrize("place", ["own", "here"])
def test_a_task_file_elsewhere_means_the_hub_and_not_the_current_folder(folder, tmp_path, monkeypatch, place):
    """Its relative paths are beside it; one in the current folder may mean that, too."""
    if importlib.util.find_spec("lm_eval") is None:
        pytest.skip("lm-eval is not installed here")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    file = tmp_path / place / "mine.yaml"
    file.parent.mkdir(exist_ok=True)
    words = "task: mine\ndataset_path: allenai/ai2_arc\ntest_split: test\noutput_type: generate_until\n"
    metric = "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
    file.write_text(f"{words}doc_to_text: question\ndoc_to_target: answer\n{metric}")
    chosen = choose_tasks([TaskRequest("mine", None)], file, None)
    plain = types.SimpleNamespace(temperature=None, sandbox=None, chat=False, use_chat_template=False)
    if place == "own":
        with pytest.raises(ScriptError, match="the current folder has this") as refused:
            load_lm_eval_tasks(chosen, plain)
        assert refused.value.code == 3
    else:
        tasks, failed = load_lm_eval_tasks(chosen, plain)
        assert not failed and [task.name for task in tasks] == ["mine|0"]


def test_a_metrics_model_is_no_folder_here(folder):
    """As bert_score and bleurt of lighteval name theirs."""
    transformers = pytest.importorskip("transformers")
    place = Path("them") / "tiny"
    place.mkdir(parents=True)
    (place / "config.json").write_text('{"model_type": "bert"}')
    guard_imports()
    for load in (transformers.AutoConfig, transformers.AutoTokenizer):
        with pytest.raises((ScriptError, OSError), match=r"folder has this|have a local directory with the same"):
            load.from_pretrained("them/tiny")
    assert transformers.AutoConfig.from_pretrained(place.absolute()).model_type == "bert"
    assert transformers.AutoConfig.from_pretrained("./them/tiny").model_type == "bert"


def test_a_hub_models_template_is_that_of_its_snapshot(folder, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    commit = "a" * 40
    snapshot = tmp_path / "hub" / "models--me--m" / "snapshots" / commit
    for place, said in ((snapshot, "of the Hub"), (Path("me/m"), "of the current folder")):
        place.mkdir(parents=True)
        tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=said).save_pretrained(place)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(snapshot))
    model = Model("me/m", "0" * 64, repo="me/m", revision=commit)
    assert chat_renderer(model, False)([{"role": "user", "content": "a"}]) == "of the Hub"


def picture_rows(place, names):
    """A Parquet file that says itself that a column is a picture, and names files in the place of their bytes."""
    import pyarrow
    import pyarrow.parquet

    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
    rows = pyarrow.array([{"bytes": None, "path": str(name)} for name in names], kind)
    features = {"info": {"features": {"image": {"_type": "Image"}}}}
    table = pyarrow.table({"image": rows}).replace_schema_metadata({"huggingface": json.dumps(features)})
    place.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, place / "test.parquet")


def picture(place):
    image = pytest.importorskip("PIL.Image")
    place.parent.mkdir(parents=True, exist_ok=True)
    image.new("RGB", (2, 2), (1, 2, 3)).save(place)
    return place


@pytest.mark.parametrize("way", ["absolute", "up", "file:", "link", "chain", "address", "packed"])
@pytest.mark.parametrize("read", ["shown", "kept"])
@pytest.mark.parametrize("own", [True, False])
def test_a_row_names_no_file_of_this_machine_in_a_pictures_place(folder, tmp_path, way, read, own):
    import datasets

    private, pictures = picture(tmp_path / "private.png"), tmp_path / "pictures"
    pictures.mkdir()
    (pictures / ".link.png").symlink_to(private)
    with zipfile.ZipFile(tmp_path / "private.zip", "w") as packed:
        packed.write(private, "a.png")
    names = {
        "absolute": private,
        "up": "../private.png",
        "file:": f"file:{private}",
        "link": pictures / ".link.png",
        "chain": f"{private}::x",
        "address": "http://127.0.0.1:9/private.png",
        "packed": f"zip://a.png::{tmp_path / 'private.zip'}",
    }
    picture_rows(pictures, [names[way]])

    def read_it():
        rows = datasets.load_dataset(str(pictures), split="test")
        if read == "kept":
            rows.save_to_disk(str(tmp_path / "copy"))
        else:
            assert rows[0]

    kinds = (ScriptError, OSError) if way in ("chain", "address") and read == "kept" else ScriptError
    with pytest.raises(kinds) as refused, asked_by(own_task=own):  # its own look at a size may be the first to fail
        read_it()
    assert kinds is not ScriptError or (refused.value.code == 3 and "a picture's" in str(refused.value))
    assert not any(private.read_bytes() in path.read_bytes() for path in tmp_path.glob("copy/*.arrow"))


def test_pictures_of_the_data_set_and_beside_the_task_are_shown(folder, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    pictures = tmp_path / "pictures"
    cached, mine = picture(tmp_path / "cache" / "downloads" / "a.png"), picture(tmp_path / "mine" / "sub" / "a.png")
    picture_rows(pictures, [picture(pictures / "a.png"), cached, mine])
    with asked_by(own_task=True, file=tmp_path / "mine" / "task.py"):
        rows = datasets.load_dataset(str(pictures), split="test")
        assert [row["image"].size for row in rows] == [(2, 2)] * 3
        rows.save_to_disk(str(tmp_path / "copy"))
    kept = datasets.load_from_disk(str(tmp_path / "copy")).cast_column("image", datasets.Image(decode=False))
    assert all(row["image"]["bytes"] for row in kept)


def scored(process_results, *answers):
    """The values and errors of items, one for each answer, that a function of lm-eval scores."""
    asked = [types.SimpleNamespace(filtered_resps={"none": answer}, resps=[answer]) for answer in answers]
    docs = [types.SimpleNamespace(requests=[request], doc={}) for request in asked]
    source = types.SimpleNamespace(process_results=process_results)
    ((_, found),) = score_filter(types.SimpleNamespace(docs=docs, questions=None, source=source), "none").items()
    return found.values[0], found.errors[0]


@pytest.fixture
def strangers_server():
    """An address that a row may name; the paths that were asked for there."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "string"}')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_a_rows_schema_asks_no_address_and_reads_no_file(strangers_server, tmp_path, keyword):
    pytest.importorskip("jsonschema")
    from lm_eval.tasks.jsonschema_bench.metrics import schema_compliance

    guard_evaluation(None)
    address, asked = strangers_server
    (tmp_path / "private.json").write_text('{"type": "string"}')
    for place in (f"{address}/a", f"{address}/a#/b", f"file://{tmp_path}/private.json"):
        for schema in ({keyword: place}, {"$id": "http://a.invalid/", "properties": {"x": {keyword: place}}}):
            text = json.dumps(schema)
            score = lambda doc, results, text=text: {"schema": schema_compliance([text], results)}  # noqa: E731
            values, errors = scored(score, '{"x": 1}', "no JSON")
            assert values == [None, False] and "nothing is read from there" in errors[0] and errors[1] is None
    assert asked == []


def test_schemas_that_are_whole_judge_as_before():
    pytest.importorskip("jsonschema")
    from lm_eval.tasks.jsonschema_bench.metrics import schema_compliance

    guard_evaluation(None)
    own = {"$defs": {"n": {"type": "number"}}, "properties": {"x": {"$ref": "#/$defs/n"}}}
    inside = {
        "$id": "http://a.invalid/s",
        "$defs": {"n": {"$id": "n", "type": "number"}},
        "properties": {"x": {"$ref": "n"}},
    }
    standard = {"properties": {"x": {"$ref": "http://json-schema.org/draft-07/schema#"}}}
    for schema, right, wrong in ((own, 1, "a"), (inside, 1, "a"), (standard, {"type": "string"}, {"type": 1})):
        text = json.dumps(schema)
        score = lambda doc, results, text=text: {"schema": schema_compliance([text], results)}  # noqa: E731
        assert scored(score, json.dumps({"x": right}), json.dumps({"x": wrong})) == ([True, False], [None, None])


@pytest.mark.parametrize("status", [200, 403, None])
def test_an_answer_that_its_judge_never_saw_has_no_score(status, monkeypatch, capsys):
    requests = pytest.importorskip("requests")
    from lm_eval.tasks.realtoxicityprompts.metric import toxicity_perspective_api

    def answer(self, request, **more):
        if status is None:
            raise requests.ConnectionError(request.url)
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        value = {"attributeScores": {"TOXICITY": {"summaryScore": {"value": 0.75}}}}
        response._content = json.dumps(value).encode()
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
    monkeypatch.setenv("PERSPECTIVE_API_KEY", "key-of-the-service")
    score = lambda doc, results: {"score": toxicity_perspective_api(doc, results)["score"]}  # noqa: E731
    values, errors = scored(score, "some words")
    if status == 200:
        assert (values, errors) == ([1], [None])
    else:
        said = "commentanalyzer.googleapis.com gave no answer" + (f": {status}" if status else "")
        assert values == [None] and errors[0].endswith(said) and "key-of-the-service" not in errors[0]


PROGRAM_AS_PICTURE = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) print showpage\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A program `gs` that leaves a file when it is started."""
    eps = pytest.importorskip("PIL.EpsImagePlugin")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "bin" / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(eps, "gs_binary", None)
    return tmp_path / "started"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("way", ["file", "bytes", "named as another"])
def test_a_picture_that_is_a_program_is_not_run(folder, tmp_path, ghostscript, own, way):
    """Pillow opens a picture by what is in it, and gives PostScript to Ghostscript."""
    import datasets
    from PIL import Image

    guard_evaluation(None)
    name = "a.jpg" if way == "named as another" else "a.eps"
    with pytest.raises(ScriptError, match="nothing was started") as refused, asked_by(own_task=own):
        if way == "file":
            (tmp_path / name).write_bytes(PROGRAM_AS_PICTURE)
            Image.open(tmp_path / name).load()
        else:
            kind = datasets.Features({"image": datasets.Image()})
            row = {"bytes": PROGRAM_AS_PICTURE, "path": name}
            print(datasets.Dataset.from_dict({"image": [row]}, features=kind)[0])
    assert refused.value.code == 3 and not ghostscript.exists()


def test_programs_are_started_by_those_who_may(ghostscript, tmp_path):
    import subprocess

    from PIL import Image

    guard_evaluation(None)
    with asked_by(own_task=True):
        subprocess.run(["gs", "x"], check=True)
        for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
            Image.new("RGB", (4, 4)).save(tmp_path / f"x.{kind}", kind)
            Image.open(tmp_path / f"x.{kind}").load()
    assert ghostscript.exists()


def harbor(folder, text):
    """A data set in Harbor's form, whose card names one of the two files that are read."""
    task = folder / "tasks" / "a"
    task.mkdir(parents=True)
    (task / "task.toml").write_text('[task]\nname = "a"\n')
    if isinstance(text, Path):
        (task / "instruction.md").symlink_to(text)
    else:
        (task / "instruction.md").write_text(text)
    (folder / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: 'tasks/*/task.toml'\n---\n")
    (folder / "test.jsonl").unlink()


@pytest.mark.parametrize("way", ["file", "folder"])
def test_what_lies_beside_a_named_file_is_no_link_out(folder, tmp_path, way):
    import datasets

    (tmp_path / "private.txt").write_text("secret words")
    harbor(folder, tmp_path / "private.txt" if way == "file" else "do it")
    if way == "folder":
        (folder / "tasks" / "a" / "environment").symlink_to(tmp_path)
    with asked_by(own_task=True), pytest.raises(ScriptError, match="holds a link, tasks"):
        datasets.load_dataset(str(folder))


def test_a_data_set_in_harbors_form_is_read_as_it_is_now(folder):
    import datasets

    harbor(folder, "do it")
    (folder / "inner").symlink_to("tasks")
    (folder / ".venv").symlink_to("/usr")
    with asked_by(own_task=True):
        for text in ("do it", "do that"):
            (folder / "tasks" / "a" / "instruction.md").write_text(text)
            (rows,) = datasets.load_dataset(str(folder)).values()
            assert rows["instruction"][0] == text
