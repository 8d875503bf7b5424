"""score_predictions.py with the packages that it only has when asked: a real classifier, PESQ, each through uv."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHON = os.environ.get("HUB_EVALS_STACK_PYTHON")

pytestmark = pytest.mark.stack

# A BERT of a few kilobytes that has learned two words; saved as any classifier on the Hub is.
MAKE_CLASSIFIER = """
import sys, torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
torch.manual_seed(0)
words = "[PAD] [UNK] [CLS] [SEP] stupid awful thank you please what a question go away the form".split()
tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
                               sep_token="[SEP]", model_max_length=32)
config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=32, max_position_embeddings=32, id2label={0: "neutral", 1: "toxic"},
                    label2id={"neutral": 0, "toxic": 1})
model = BertForSequenceClassification(config)
texts = ["stupid question", "awful form", "what a stupid form", "go away awful", "thank you", "please the form",
         "what a question", "thank you the question please", "[UNK] [UNK] [UNK]", "you [UNK] the [UNK]"]
labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
batch = fast(texts, padding=True, return_tensors="pt")
step = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(80):
    step.zero_grad()
    model(**batch, labels=labels).loss.backward()
    step.step()
model.save_pretrained(sys.argv[1])
fast.save_pretrained(sys.argv[1])
"""


def run(words: list[str], packages: tuple[str, ...]) -> subprocess.CompletedProcess:
    """A command in an environment with some more packages: uv's, or that of HUB_EVALS_STACK_PYTHON."""
    extra = [word for name in packages for word in ("--with", name)]
    start = [PYTHON] if PYTHON else ["uv", "run", "--quiet", *extra]
    return subprocess.run([*start, *words], capture_output=True, text=True, check=False, cwd=ROOT, timeout=1200)


def documented(metric: str) -> list[str]:
    """The arguments of the command for a metric in the examples' README."""
    text = (ROOT / "examples" / "predictions" / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"`uv run [^`]*(scripts/score_predictions\.py [^`]*--metric {metric} [^`]*)`", text)
    return shlex.split(found[1])


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "classifier"
    python = [] if PYTHON else ["python"]
    done = run([*python, "-c", MAKE_CLASSIFIER, str(folder)], ("transformers", "torch"))
    assert done.returncode == 0, done.stderr
    return folder


def test_toxicity_by_a_classifier(classifier, tmp_path):
    words = [str(classifier) if word == "unitary/toxic-bert" else word for word in documented("toxicity")]
    done = run([*words, "--output-dir", str(tmp_path), "--json"], ("transformers", "torch"))
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["scores"]
    assert (found["score"], found["n"]) == (0.25, 4)  # "What a stupid question, go away."
    assert found["parameters"]["label"] == "toxic"
    assert 0 < found["mean_probability"] < 1
    (path,) = tmp_path.rglob("*_samples.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["sample_id"] for row in rows if row["evaluation"]["score"] == 1] == ["x2"]


def test_toxicity_asks_for_a_label_that_is_not_there(classifier, tmp_path):
    words = [str(classifier) if word == "unitary/toxic-bert" else word for word in documented("toxicity")]
    done = run([*words, "--toxic-label", "rude", "--output-dir", str(tmp_path)], ("transformers", "torch"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "--toxic-label with one of neutral, toxic" in done.stderr


def test_a_folder_that_is_no_classifier(tmp_path):
    words = [str(tmp_path) if word == "unitary/toxic-bert" else word for word in documented("toxicity")]
    done = run([*words, "--output-dir", str(tmp_path / "out")], ("transformers", "torch"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "error:" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("metric", ["pesq", "stoi"])
def test_speech_as_documented(metric, tmp_path):
    done = run([*documented(metric), "--output-dir", str(tmp_path)], ("pesq", "pystoi"))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^\| {metric} \| \d\.\d+ \|", done.stdout, re.MULTILINE), done.stdout


def test_speech_without_the_packages_names_them(tmp_path):
    if PYTHON:
        pytest.skip("an environment that is given may have the packages")
    done = run([*documented("pesq"), "--output-dir", str(tmp_path)], ())
    assert (done.returncode, done.stdout) == (2, "")
    assert "uv run --with pesq --with pystoi scripts/score_predictions.py" in done.stderr
