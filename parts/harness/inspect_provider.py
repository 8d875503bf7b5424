"""inspect on Inference Providers: offers, prices, the router, errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parts.frame import ScriptError, note, slug
from parts.harness.inspect_records import library_facts
from parts.harness.inspect_run import separate_reasoning
from parts.harness.inspect_sweep import InspectSweep
from parts.harness.inspect_tasks import explain_inspect
from parts.harness.inspect_vocabulary import Prices, RunFacts
from parts.harness.reasoning import REASONING_TAGS
from parts.harness.records import task_source
from parts.harness.settings import Settings
from parts.harness.vocabulary import Assignment, Finished, Model, Task
from parts.hub.answers import keep_token_home
from parts.names import ROUTER
from parts.private import scrub
from parts.records.schema import strings

TRUSTED_HOSTS = ("huggingface.co", "huggingface.cloud")  # that the Hub token may be sent to, with their subdomains
THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
REQUEST_TIMEOUT = 20  # seconds, for what is asked before and after an evaluation
POLICIES = ("fastest", "cheapest", "preferred")  # of the router, in the place of a provider


@dataclass(frozen=True)
class Offer:
    """What the router says of a model: the providers that serve it and their prices."""

    providers: dict[str, Prices | None]


def checked_base_url(text: str | None) -> str:
    """The address to ask; ScriptError for one that must not see the Hub token."""
    from urllib.parse import urlsplit

    if text is None:
        return ROUTER
    parts = urlsplit(text)
    host = parts.hostname or ""
    trusted = any(host == name or host.endswith(f".{name}") for name in TRUSTED_HOSTS)
    plain = host in THIS_MACHINE or re.fullmatch(r"[a-z0-9.-]+", host)  # no sign that another reader takes otherwise
    if parts.scheme not in ("http", "https") or not plain or parts.username or parts.query:
        raise ScriptError(f"--base-url {scrub(text)}: an address such as {ROUTER} is expected")
    if host not in THIS_MACHINE and not (trusted and parts.scheme == "https"):
        raise ScriptError(
            f"--base-url {scrub(text)}: the Hub token is sent to https addresses of huggingface.co and "
            "huggingface.cloud and to this machine only; for other servers use inspect's own command line"
        )
    note(f"the Hub token is sent to {parts.scheme}://{parts.netloc}, as --base-url says")
    return text.rstrip("/")


def provider_model(name: str, settings: Settings) -> Model:
    """A model of the Hub by its id, with the commit that is its newest now, when the Hub can be asked."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    own_server = settings.base_url != ROUTER
    try:
        return Model(name, "", revision=HfApi().model_info(name, timeout=REQUEST_TIMEOUT).sha)
    except RepositoryNotFoundError as error:
        if not own_server:
            raise ScriptError(
                f"{name}: no such model on the Hub (a private one needs HF_TOKEN); give an id such as Qwen/Qwen3-8B"
            ) from error
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        note(f"warning: {name}: the Hub could not be asked for its revision ({type(error).__name__}); it is left out")
    return Model(name, "")


def fetch_offer(model: str, settings: Settings, token: str) -> Offer | None:
    """What the router says of a model; None when it does not say, as other servers."""
    from huggingface_hub.utils import get_session

    keep_token_home(settings.base_url)
    try:
        answer = get_session().get(
            f"{settings.base_url}/models", headers={"Authorization": f"Bearer {token}"}, timeout=REQUEST_TIMEOUT
        )
        rows = answer.json().get("data") or []
        row = next(row for row in rows if row.get("id") == model)
        return Offer({str(entry["provider"]): read_prices(entry) for entry in row["providers"]})
    except Exception:  # a convenience: without it the price is unknown, and the evaluation says what is wrong
        return None


def read_prices(entry: Mapping[str, Any]) -> Prices | None:
    """The prices in the router's answer, US dollars for a million tokens."""
    pricing = entry.get("pricing") or {}
    numbers = [pricing.get("input"), pricing.get("output")]
    if not all(isinstance(number, int | float) and number >= 0 for number in numbers):
        return None
    return Prices(float(numbers[0]), float(numbers[1]))


def prices_of(offer: Offer | None, asked: Iterable[str]) -> Prices | None:
    """The price of a run when one provider answered it, or all that may have cost the same."""
    known = set(asked) or set(offer.providers if offer else {})
    found = {offer.providers.get(name) if offer else None for name in known}
    return found.pop() if len(found) == 1 else None


def open_provider(name: str, settings: Settings, token: str) -> tuple[Any, set[str]]:
    """An inspect Model that asks the provider, and the providers that have answered so far."""
    from inspect_ai.model import get_model

    place = f"{name}:{settings.provider}" if settings.provider else name
    opened = get_model(f"hf-inference-providers/{place}", base_url=settings.base_url, api_key=token, memoize=False)
    answered: set[str] = set()

    async def hear(response: Any) -> None:
        provider = response.headers.get("x-inference-provider")
        if provider and response.status_code == 200:
            answered.add(slug(provider))

    opened.api.http_client.event_hooks["response"].append(hear)
    separate_reasoning(opened, settings.reasoning_tags)
    return opened, answered


def explain_provider(error: str, settings: Settings) -> str:
    """A provider's error with what to try."""
    hints = (
        (r"\b401\b|[Ii]nvalid (?:username|token|credentials)|[Uu]nauthorized", "the token was refused: set HF_TOKEN"),
        (r"\b402\b|[Pp]ayment|credits", "the account has no credits left for Inference Providers"),
        (r"\b403\b|[Ff]orbidden", "the token may not call Inference Providers, or the model is gated: see its page"),
        (r"not supported|model_not_supported|\b404\b", "no provider serves this model so: see its page, or --provider"),
        (r"\b429\b|[Rr]ate limit", "too many requests: lower --max-connections"),
        (r"[Cc]onnection|[Tt]imed? ?out", f"{settings.base_url} is out of reach or too slow"),
    )
    hint = next((text for pattern, text in hints if re.search(pattern, error)), None)
    return f"{hint} ({error[:300]})" if hint else error


def provider_facts(
    model: Model, task: Task, settings: Settings, answered: Iterable[str], offer: Offer | None
) -> RunFacts:
    """What a record says beside inspect's log."""
    asked = [settings.provider] if settings.provider and settings.provider not in POLICIES else list(answered)
    router = settings.base_url == ROUTER
    details = {
        "deployment_type": "externally_managed",
        "model_availability": "open_weights" if model.revision else "unknown",
        "revision": model.revision,
        "provider": settings.provider or "auto",
        "answered_by": ", ".join(sorted(answered)) or None,
    }
    info = {
        "name": model.id.split("/", 1)[-1],
        "id": model.id,
        "developer": model.developer,
        "inference_platform": "Hugging Face Inference Providers" if router else scrub(settings.base_url),
        "additional_details": strings(details),
    }
    return RunFacts(
        script="inspect_eval_uv.py",
        task=task.name,
        title=task.title,
        split=next(iter(task.dataset.splits), None),
        model=info,
        source=task_source(task),
        library=library_facts(task, settings),
        generation={
            "backend": settings.backend,
            "provider": settings.provider or "auto",
            "use_chat_template": True,
            "reasoning_tags": " ".join(settings.reasoning_tags) if settings.reasoning_tags != REASONING_TAGS else None,
        },
        prices=prices_of(offer, asked),
        questions=task.questions,
    )


class ProviderSweep(InspectSweep):
    """Measures models that a provider serves; `served`: the name under which it knows each, and the token."""

    served: Mapping[Model, str]
    token: str

    def asked(self, model: Model) -> Any:
        self.offer = fetch_offer(self.served[model], self.settings, self.token)
        opened, self.answered = open_provider(self.served[model], self.settings, self.token)
        return opened

    def facts(self, row: Assignment, task: Task) -> RunFacts:
        return provider_facts(row.model, task, self.settings, self.answered, self.offer)

    def explained(self, error: BaseException) -> str:
        return explain_provider(explain_inspect(error), self.settings)

    def wrote(self, finished: Finished) -> None:
        super().wrote(finished)
        self.uploads.send([finished.path])  # the answers were paid for: they are safe before the next task's
