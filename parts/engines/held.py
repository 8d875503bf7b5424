"""What a loaded transformers model holds: a checkpoint's weights, or those of a base model with an adapter on it.

Weights are replaced in place; adapters (PEFT) are put on and taken off, while the base model stays as it was loaded.
Either is proved by reading it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files
from parts.engines.adapters import COPY, probe_tokens, refuse_changed_base, tensors_of
from parts.engines.layout import layout_difference, read_layout
from parts.engines.proof import tensor_checksum, text_sha256
from parts.engines.transformers import check_unchanged, check_weights, swap_state
from parts.frame import ScriptError
from parts.harness.models import downloaded
from parts.harness.vocabulary import Model


class HeldWeights:
    """The weights of a loaded model (`loaded` is the torch module), changed from checkpoint to checkpoint.

    After a ScriptError the model is of no use.
    """

    def __init__(self, loaded: Any, model: Model) -> None:
        own = model.base or model
        folder = downloaded(own)
        self.loaded, self.layout, self.holds = loaded, read_layout(folder), own
        self.adapter: str | None = None
        self.count = 0
        self.checksum: str | None = None
        self.proof: str | None = None
        check_unchanged(own, folder)
        if model.base:
            self.put_on(model)

    def swap(self, model: Model) -> None:
        """Let it hold another model: other weights, or another adapter on the same base."""
        own = model.base or model
        if own.weights_sha256 != self.holds.weights_sha256:
            if self.count or model.base:
                raise ScriptError(f"another base model, {own.label}")
            swap_state(self.loaded, self.layout, own, downloaded(own))
            self.holds = own
        elif other := layout_difference(self.layout, read_layout(downloaded(own))):
            raise ScriptError(f"{other}, with the same weights")
        self.checksum = self.proof = None
        if model.base:
            self.put_on(model)
        elif self.count:
            self.loaded.disable_adapters()

    def put_on(self, model: Model) -> None:
        """Put an adapter on the base, take the last one off, and prove both."""
        folder, name, before = downloaded(model), f"adapter_{self.count}", self.adapter
        refuse_changed_base(folder, downloaded(model.base))
        self.loaded.load_adapter(str(folder), adapter_name=name)
        self.count, self.adapter = self.count + 1, name
        self.loaded.enable_adapters()
        self.loaded.set_adapter(name)
        if before is not None:
            self.loaded.delete_adapter(before)
        number, self.checksum, changes = compare_adapter(self.loaded, name, weight_files(folder))
        differs = differs_from_base(self.loaded)
        if changes is not None and differs != changes:
            raise ScriptError("its answers are those of the base" if changes else "zeros that change the answers")
        check_weights(self.loaded, [])
        check_unchanged(model, folder)
        effect = "answers differ from the base's" if differs else "it changes nothing: answers are the base's"
        self.proof = f"{number} adapter tensors read back exactly; {effect}"


def compare_adapter(loaded: Any, name: str, files: list[Path]) -> tuple[int, str, bool | None]:
    """Compare an adapter on a model with its files: how many tensors, their checksum, whether it changes answers.

    PEFT's names: "base_model.model.X.lora_A.weight" in the file is "X.lora_A.<name>.weight" in the model, and
    "base_model.model.X.weight" of a module that is saved whole "X.modules_to_save.<name>.weight". None: tensors of
    another kind (a magnitude, a scale) do not tell whether they change anything.
    """
    import torch

    whole, state = f".modules_to_save.{name}", loaded.state_dict()
    names = {
        key.replace(whole, "").replace(f".{name}", "").removesuffix(".weight"): key
        for key in state
        if f".{name}" in key
    }
    lines, effects, seen = [], set(), set()
    for key, wanted in tensors_of(files, lambda key: COPY not in key):
        short = key.removeprefix("base_model.model.").removesuffix(".weight")
        if short not in names:
            raise ScriptError(f"its adapter does not fit: {short} has no place in the base model")
        own = state[names[short]]
        if own.shape != wanted.shape or not torch.equal(own.cpu(), wanted.to(own.dtype)):
            raise ScriptError(f"its adapter: {short} is not what the file holds")
        before = state.get(names[short].replace(whole, ".original_module")) if whole in names[short] else None
        if before is not None:
            effects.add(not torch.equal(before, own.to(before.dtype)))
        elif not short.endswith(("lora_A", "lora_embedding_A")):
            effects.add(bool(wanted.any()) if short.endswith(("lora_B", "lora_embedding_B")) else None)
        seen.add(short)
        lines.append(f"{short} {tensor_checksum(own)}\n")
    if names.keys() - seen:
        raise ScriptError(f"its adapter is incomplete: {min(names.keys() - seen)} is not in the file")
    return len(seen), text_sha256(sorted(lines)), None if None in effects else True in effects


def differs_from_base(loaded: Any) -> bool:
    """Whether a model answers otherwise with its adapter than without, on some tokens."""
    import torch

    size = loaded.get_input_embeddings().weight.shape[0]
    tokens = torch.tensor([probe_tokens(size)], device=loaded.device)
    with torch.inference_mode():
        with_adapter = loaded(tokens).logits.clone()
        loaded.disable_adapters()
        without = loaded(tokens).logits
        loaded.enable_adapters()
    return not torch.equal(with_adapter, without)
