"""--backend auto: vLLM where a GPU is and vLLM knows the architecture; a run keeps what it began with."""

import json
from pathlib import Path

import lighteval_vllm_uv as script
import lm_eval_vllm_uv as other_script
import pytest

TINY = Path(__file__).resolve().parent.parent / "examples" / "tiny_run" / "checkpoints" / "step_500"
MODEL = script.local_model(TINY)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A machine with a GPU and a vLLM that knows Llama; `change` makes it another."""
    monkeypatch.chdir(tmp_path)

    def change(gpu: bool = True, known: set[str] | None = frozenset({"LlamaForCausalLM"}), uv: bool = True) -> None:
        for module in (script, other_script):
            monkeypatch.setattr(module, "has_gpu", lambda: gpu)
            monkeypatch.setattr(module, "known_architectures", lambda: known)
            monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/uv" if uv else None)

    change()
    return change


def chosen(*words: str, models=(MODEL,), module=script, other: str = "accelerate") -> str:
    args = module.build_parser().parse_args(["--model", "m", "--tasks", "t", *words])
    line = module.choose_backend(args, "lighteval" if module is script else "lm-eval", other, models)
    if line:
        module.note(line)
    return args.backend


def test_vllm_where_a_gpu_is_and_the_architecture_is_known(here, capsys):
    assert chosen() == "vllm"
    assert capsys.readouterr().err == "backend: vllm (a GPU is here)\n"


@pytest.mark.parametrize(
    ("machine", "words", "said"),
    [
        ({"gpu": False}, [], "no GPU that vLLM runs on is here"),
        ({"known": {"GPT2LMHeadModel"}}, [], "vLLM does not know LlamaForCausalLM"),
        ({"known": None, "uv": False}, [], "vLLM is not installed"),
        ({}, ["--device", "cpu"], "--device cpu"),
        ({}, ["--device", "mps"], "--device mps"),
    ],
)
def test_transformers_elsewhere_and_the_reason_is_said(here, capsys, machine, words, said):
    here(**machine)
    assert chosen(*words) == "accelerate"
    line = capsys.readouterr().err
    assert line.startswith("backend: accelerate (")
    assert said in line
    assert line.count("\n") == 1


def test_a_backend_that_is_named_is_taken_without_a_word(here, capsys):
    here(gpu=False)
    assert [chosen("--backend", name) for name in ("vllm", "accelerate")] == ["vllm", "accelerate"]
    assert capsys.readouterr().err == ""


def test_settings_of_one_backend_choose_it(here):
    here(gpu=False)
    assert chosen("--gpu-memory-utilization", "0.5") == "vllm"
    here()
    assert chosen("--batch-size", "4", module=other_script, other="hf") == "hf"
    assert chosen("--batch-size", "4") == "vllm", "lighteval has it on both"


def test_a_plan_of_a_machine_without_vllm_yet_says_so(here, capsys):
    here(known=None)
    assert chosen("--dry-run") == "vllm"
    assert "if vLLM knows the architecture" in capsys.readouterr().err


def put(output: Path, backend: str, harness: str = "lighteval", place: str = "tiny_run/step_500") -> None:
    record = {
        "schema_version": "0.3.0",
        "model_info": {"id": "x"},
        "eval_library": {"name": harness, "version": "1"},
        "evaluation_results": [{"generation_config": {"additional_details": {"backend": backend}}}],
    }
    path = output / "data" / "gsm8k" / place / f"{backend}-{harness}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def test_a_run_goes_on_with_the_backend_that_it_began_with(here, capsys):
    put(Path("results"), "vllm", "lm-eval")
    put(Path("results"), "accelerate")
    assert chosen() == "accelerate"
    assert "as the records in results" in capsys.readouterr().err
    assert chosen("--output-dir", "elsewhere") == "vllm"
    here(gpu=False)
    put(Path("begun"), "vllm")
    assert chosen("--output-dir", "begun") == "vllm", (
        "its scores stay comparable; without a GPU the run says what to do"
    )


def test_another_checkpoint_of_the_same_run_is_measured_alike(here):
    put(Path("results"), "accelerate", place="tiny_run/step_400")
    assert chosen() == "accelerate"


def test_damaged_and_foreign_records_choose_nothing(here):
    put(Path("results"), "somebody's")
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"eval_library": 3}')):
        (Path("results/data/gsm8k/tiny_run/step_500") / f"{name}.json").write_text(text)
    assert chosen() == "vllm"


def test_the_registry_is_read_and_not_imported(tmp_path, monkeypatch):
    folder = tmp_path / "vllm" / "model_executor" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "registry.py").write_text(
        '_TEXT_GENERATION_MODELS = {\n    "LlamaForCausalLM": ("llama", "LlamaForCausalLM"),\n    # text\n'
        '    "GPT2LMHeadModel": ("gpt2", "GPT2LMHeadModel"),\n}\nother = {"a": 1}\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert script.known_architectures() == {"LlamaForCausalLM", "GPT2LMHeadModel"}
    assert script.architectures_in(script.configuration(MODEL)) == ["LlamaForCausalLM"]


def adapter(config: dict, name: str = "lora"):
    """An adapter of the example's checkpoint, by its adapter_config.json alone."""
    folder = Path(name)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(TINY), **config}))
    (folder / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return script.with_base(script.local_model(folder), str(TINY), {})


def test_adapters_run_on_vllm_where_it_takes_them(here, capsys, monkeypatch):
    assert chosen(models=[adapter({"r": 8})]) == "vllm"
    whole = adapter({"r": 8, "modules_to_save": ["lm_head"]}, "whole")
    assert chosen(models=[whole]) == "accelerate"
    assert "whole: vLLM does not run adapters with whole layers" in capsys.readouterr().err
    monkeypatch.setattr(script, "takes_adapters", lambda name: False)
    assert chosen(models=[adapter({"r": 8}, "other")]) == "accelerate"
    assert "vLLM does not run adapters of LlamaForCausalLM" in capsys.readouterr().err
    with pytest.raises(script.ScriptError, match="vLLM does not run adapters with whole layers"):
        chosen("--backend", "vllm", models=[whole])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"r": 8, "target_modules": ["q_proj", "lm_head"]}, "output layer"),
        ({"r": 8, "rank_pattern": {"q_proj": 600}}, "ranks above 512"),
        ({"r": 8, "use_dora": True}, "DoRA"),
        ({"r": 8, "bias": "all"}, "with a bias"),
        ({"r": 8, "init_lora_weights": "pissa"}, "began as pissa"),
        ({"peft_type": "IA3"}, "of the kind IA3"),
        ({"r": 8, "init_lora_weights": True, "bias": "none", "modules_to_save": None}, None),
        ({"r": 8, "init_lora_weights": "gaussian", "target_modules": "all-linear"}, None),
    ],
)
def test_what_vllm_runs_of_an_adapter_is_told_from_its_configuration(config, said):
    reason = script.why_not_on_vllm(config)
    assert (reason is None) if said is None else (said in reason)


def test_whether_an_architecture_takes_adapters_is_read_and_not_imported(tmp_path, monkeypatch):
    folder = tmp_path / "vllm" / "model_executor" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "registry.py").write_text(
        'X = {\n    "A": ("one", "A"),\n    "B": (\n        "two",\n        "B",\n    ),\n}\n'
    )
    (folder / "one.py").write_text("class A(nn.Module, SupportsLoRA):\n    pass\n")
    (folder / "two.py").write_text("class B(nn.Module):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [script.takes_adapters(name) for name in ("A", "B", "C")] == [True, False, True]
