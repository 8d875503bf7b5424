"""The plan of a run on Inference Providers: prices, tokens, cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parts.frame import ScriptError
from parts.jobs.client import JobsClient, is_price, job_errors, script_path
from parts.jobs.own_questions import own_sets, question_files, question_words, shown_questions
from parts.jobs.packing import locked_packages
from parts.jobs.tasks import assumed_tokens, task_items, task_tokens, task_warnings
from parts.jobs.vocabulary import (
    BUILT_IN,
    DEFAULT_TIMEOUT,
    PROVIDER_SCRIPT,
    Catalog,
    EvalJob,
    EvalRun,
    Flavor,
    JobState,
    job_name,
    matrix,
    names_text,
    new_run_id,
)
from parts.names import DEFAULT_CONNECTIONS, HUB_MODEL, ROUTER

LONG_PROMPT = 4000  # tokens of the longest prompt that a ceiling counts with
Offers = Mapping[str, tuple[float, float] | None]  # provider -> dollars for a million tokens, in, out
ProviderPrices = Mapping[str, Offers]  # of each model
ROUTER_SECONDS = 10.0
ANSWER_SECONDS = 10  # of a provider for one item
SETUP_SECONDS = 240  # packages are installed
EXPECTED = ("--provider", "--temperature", "--max-connections", "--max-tokens")  # to the script, when given


def provider_prices() -> ProviderPrices:
    """What the router says of prices: model -> provider -> dollars for a million prompt and answer tokens."""
    from huggingface_hub.utils import get_session

    try:
        rows = get_session().get(f"{ROUTER}/models", timeout=ROUTER_SECONDS).json()["data"]
        return {str(row["id"]): offered_prices(row) for row in rows}
    except Exception:  # a convenience: without it the price of the tokens is unknown, and the plan says so
        return {}


def offered_prices(row: Mapping[str, Any]) -> Offers:
    """The providers of a model, each with its price; None where it names none, or two."""
    found: dict[str, tuple[float, float] | None] = {}
    for entry in row.get("providers") or []:
        pricing, name = entry.get("pricing") or {}, str(entry.get("provider"))
        numbers = [pricing.get("input"), pricing.get("output")]
        priced = all(number == 0 or is_price(number) for number in numbers)
        price = (float(numbers[0]), float(numbers[1])) if priced else None
        found[name] = price if found.get(name, price) == price else None
    return found


def token_price(offers: Offers, provider: str | None) -> tuple[float, float] | None:
    """The price of the provider asked for; when the router chooses, the highest of each side; None when unknown.

    It is unknown, too, where one of those that the router may choose names none.
    """
    if provider in offers or provider not in (None, "fastest", "cheapest"):
        return offers.get(provider or "")
    prices = [price for price in offers.values() if price]
    if not prices or len(prices) < len(offers):
        return None
    return max(price[0] for price in prices), max(price[1] for price in prices)


def known_prices(models: Iterable[str], provider: str | None, prices: ProviderPrices) -> dict[str, float]:
    """The prices of the models that have one: "owner/name, prompts" and "owner/name, answers"."""
    found = {model: token_price(prices.get(model, {}), provider) for model in models}
    sides = ("prompts", "answers")
    return {f"{m}, {side}": usd for m, price in found.items() if price for side, usd in zip(sides, price, strict=True)}


def token_prices_now(run: EvalRun) -> dict[str, float]:
    """What the tokens of a run's models cost now, as its plan keeps it."""
    words = run.jobs[0].arguments
    provider = words[words.index("--provider") + 1] if "--provider" in words else None
    return known_prices({model for job in run.jobs for model in job.models}, provider, provider_prices())


def check_provider_models(args: argparse.Namespace, client: JobsClient | None) -> None:
    """ScriptError for a model that is no Hub id, or is not on the Hub."""
    from huggingface_hub.errors import RepositoryNotFoundError

    for model in args.model:
        if not HUB_MODEL.fullmatch(model) or "@" in model or model.startswith((".", "-")):
            raise ScriptError(f"{model}: a Hub id (owner/name) of a model that a provider serves is expected")
        if client:
            with job_errors(f"reading {model}", client.token):
                try:
                    client.patiently(client.api.model_info, model, expand=["sha"])
                except RepositoryNotFoundError as error:
                    raise ScriptError(f"{model}: no model on the Hub that the token has access to") from error


def provider_arguments(args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The arguments of inspect_eval_uv.py, but for its place in the data set."""
    words = ["--model", *models, *question_words(args, tasks, "--task")]
    words += ["--limit", str(args.limit)] if args.limit is not None else []
    for flag in EXPECTED:
        value = getattr(args, flag.removeprefix("--").replace("-", "_"))
        words += [flag, str(value)] if value is not None else []
    return words


def tokens_cost(args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str], prices: ProviderPrices) -> float:
    """Dollars for the tokens of a job; models without a known price count nothing, which the plan says."""
    each = (task_tokens(task, args.limit, "inspect") for task in tasks)
    prompts, answers = (sum(part) for part in zip(*each, strict=True))
    found = [token_price(prices.get(model, {}), args.provider) for model in models]
    return sum(price[0] * prompts + price[1] * answers for price in found if price) / 1e6


def tokens_ceiling(
    args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str], prices: ProviderPrices
) -> float | None:
    """Dollars when every answer is --max-tokens long and every prompt LONG_PROMPT; None where nothing bounds them."""
    found = [token_price(prices.get(model, {}), args.provider) for model in models]
    counts = [task_items(task, args.limit, "inspect") for task in tasks]
    if args.max_tokens is None or None in found or not all(known or args.limit for _, known in counts):
        return None
    items = sum(count for count, _ in counts)
    return items * sum(price[0] * LONG_PROMPT + price[1] * args.max_tokens for price in found if price) / 1e6


def plan_provider_run(args: argparse.Namespace, client: JobsClient | None) -> EvalRun:
    """Everything that a submission decides: jobs, hardware, cost."""
    check_provider_models(args, client)
    script_path(PROVIDER_SCRIPT)
    catalog = client.catalog() if client else BUILT_IN
    flavor, prices = catalog.find(args.hardware), provider_prices() if client else {}
    run_id = args.run_id or new_run_id()
    namespace = client.namespace if client else args.namespace or "OWNER"
    results_repo = args.results_repo or f"{namespace}/eval-results"
    jobs, files = [], question_files(args)
    for models, tasks in matrix(args.model, args.task, args.split or ""):
        words = provider_arguments(args, models, tasks)
        name = job_name(models, tasks, [*words, *files.values()])
        folder = f"runs/{run_id}/{name}"
        words += ["--results-repo", f"{results_repo}/{folder}"]
        items = sum(task_items(task, args.limit, "inspect")[0] for task in tasks) * len(models)
        hours = (SETUP_SECONDS + items * ANSWER_SECONDS / (args.max_connections or DEFAULT_CONNECTIONS)) / 3600
        tokens, most = tokens_cost(args, models, tasks, prices), tokens_ceiling(args, models, tasks, prices)
        place = (folder, flavor.name, flavor.price, round(hours, 4), round(tokens, 4), most)
        jobs.append(EvalJob(name, models, tasks, tuple(words), *place))
    states = {job.name: JobState() for job in jobs}
    notes = provider_notes(args, catalog, flavor, prices)
    return EvalRun(
        run_id,
        PROVIDER_SCRIPT,
        namespace,
        results_repo,
        args.timeout or DEFAULT_TIMEOUT,
        args.image,
        locked_packages(PROVIDER_SCRIPT, ""),
        tuple(jobs),
        states,
        notes,
        files=files,
        token_prices=known_prices(args.model, args.provider, prices),
        prices_known=catalog.known,
        seals_results=True,
    )


def provider_notes(
    args: argparse.Namespace, catalog: Catalog, flavor: Flavor, prices: ProviderPrices
) -> tuple[str, ...]:
    """What the estimate rests on, what bounds it, and where the prices are from."""
    silent = [model for model in args.model if token_price(prices.get(model, {}), args.provider) is None]
    connections = args.max_connections or DEFAULT_CONNECTIONS
    notes = [
        f"assumed: {assumed_tokens(args.task, args.limit, 'inspect')}, {ANSWER_SECONDS} s for an answer, "
        f"{connections} requests at a time; {SETUP_SECONDS // 60} minutes to start a job",
        f"flavors and prices: {catalog.source}",
    ]
    if silent:
        notes.append(f"warning: the price of tokens is not known for {names_text(silent)}: it comes on top")
    if unbounded := no_ceiling(args, silent):
        notes.append(f"no ceiling: {unbounded}")
    else:
        notes.append(
            f"at most: answers of --max-tokens {args.max_tokens}, one request of {LONG_PROMPT} prompt tokens for an "
            "item; longer prompts, and tasks that ask several times, come on top"
        )
    notes += task_warnings([task for task in args.task if task not in own_sets(args)], "inspect", PROVIDER_SCRIPT)
    notes += shown_questions(args)
    if flavor.gpus:
        notes.append(f"warning: {flavor.name} has a GPU that is not used: the providers have their own")
    return tuple(notes)


def no_ceiling(args: argparse.Namespace, silent: Sequence[str]) -> str:
    """Why the tokens can cost any amount, and what bounds them; nothing where something does."""
    if silent:
        return f"the price of tokens is not known for {names_text(silent)}: give a --provider that names one"
    unknown = [task for task in args.task if not args.limit and not task_items(task, None, "inspect")[1]]
    if unknown:
        return f"how many items {names_text(unknown)} has is not known: give --limit N"
    if args.max_tokens is None:
        return "the answers may be of any length: give --max-tokens N (reasoning models need thousands)"
    return ""
