"""The facts of an inspect run on this machine, for its records."""

from __future__ import annotations

from parts.harness.inspect_local_vocabulary import Loaded
from parts.harness.inspect_prompts import PLAIN_TEMPLATE
from parts.harness.inspect_records import library_facts
from parts.harness.inspect_tasks import inspect_source
from parts.harness.inspect_vocabulary import RunFacts, Task
from parts.harness.settings import Settings
from parts.harness.vocabulary import Model
from parts.records.schema import strings


def local_facts(model: Model, task: Task, settings: Settings, loaded: Loaded) -> RunFacts:
    """What a record says beside inspect's log."""
    details = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown" if model.path else "open_weights",
        "checkpoint": model.checkpoint,
        "step": model.step,
        "revision": model.revision,
        "path": model.path,
        "weights_sha256": model.weights_sha256,
        "loaded_checksum": loaded.checksum,
        "loaded_proof": loaded.proof,
    }
    generation = {
        "backend": settings.backend,
        "dtype": loaded.dtype,
        "device": loaded.device,
        "max_connections": settings.max_connections,
        "max_model_len": settings.max_model_len,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "data_parallel_size": settings.data_parallel_size,
        "use_chat_template": settings.use_chat_template,
        "prompt_template": None if settings.use_chat_template else PLAIN_TEMPLATE,
        "system_prompt": settings.system_prompt,
        "reasoning_tags": " ".join(settings.reasoning_tags),
        "trust_remote_code": settings.trust_remote_code,
    }
    return RunFacts(
        script="inspect_vllm_uv.py",
        task=task.name,
        title=task.title,
        split=task.dataset.get("split"),
        model={
            "name": model.id.split("/", 1)[-1],
            "id": model.id,
            "developer": model.developer,
            "inference_engine": {"name": loaded.name, "version": loaded.version},
            "additional_details": strings(details),
        },
        source=inspect_source(task),
        library=library_facts(task, settings),
        generation=generation,
    )
