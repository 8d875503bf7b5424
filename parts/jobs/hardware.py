"""Which hardware a model fits on, and the plan of a GPU run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from parts.frame import ScriptError, note
from parts.hashes import file_sha256
from parts.jobs.client import HubAway, JobsClient, script_path, without_flags
from parts.jobs.models import HowRun, fetch_facts, folder_facts, named_models
from parts.jobs.own_questions import own_sets, question_files, question_words, shown_questions
from parts.jobs.packing import locked_packages
from parts.jobs.tasks import assumed_tokens, needed_length, task_tokens, task_warnings
from parts.jobs.uploading import hashed_files, shown_uploads, upload_places
from parts.jobs.vocabulary import (
    AUTO,
    BUILT_IN,
    DEFAULT_TIMEOUT,
    ROOM,
    Catalog,
    EvalJob,
    EvalRun,
    Flavor,
    JobState,
    ModelFacts,
    Placement,
    Wish,
    flavor_by_size,
    job_name,
    matrix,
    money,
    names_text,
    new_run_id,
)
from parts.loadable import NAME_ANOTHER

FRAMEWORKS = {"lighteval": "lighteval_vllm_uv.py", "inspect": "inspect_vllm_uv.py", "lm_eval": "lm_eval_vllm_uv.py"}
GB = 1e9
NO_BFLOAT16 = {"T4"}  # GPUs older than compute capability 8.0

# TFLOP/s of one GPU in 16 bits without sparsity, about, from the makers' data sheets; for estimates of time alone.
PEAK = {"T4": 65, "L4": 121, "A10G": 70, "L40S": 362, "A100": 312, "H200": 989, "RTX PRO 6000": 500}
ASSUMED_PEAK = 100
UNKNOWN_SIZE = 7e9  # parameters, where nothing tells
CPU_PEAK = 0.3
PROMPT_SHARE, ANSWER_SHARE = 0.4, 0.15  # of the peak, reached by vLLM while it reads and while it writes
WITHOUT_VLLM = 5  # times slower
START_SECONDS = 600  # packages of several GB are installed
ENGINE_SECONDS = 120  # for each model
PASSED_NUMBERS = ("--gpu-memory-utilization", "--max-model-len", "--batch-size")  # to the script, when given
OVERHEAD = 2 * GB  # per GPU: CUDA, graphs, activations of a batch
CPU_OVERHEAD = 4 * GB
DOWNLOAD = 0.2 * GB  # bytes per second


def shares_heads(facts: ModelFacts, gpus: int) -> bool:
    """Whether vLLM can split a model's heads: attention heads evenly, KV heads evenly or each to as many GPUs."""
    heads, cache_heads = facts.heads or gpus, facts.cache_heads or gpus
    return heads % gpus == 0 and (cache_heads % gpus == 0 or gpus % cache_heads == 0)


def allowed_sizes(facts: ModelFacts, flavor: Flavor, wish: Wish) -> list[int]:
    """How many of a flavor's GPUs can share the model, the largest first; vLLM splits attention heads evenly."""
    if wish.backend != "vllm":
        return [1] if flavor.gpus else [0]
    counts = [n for n in (8, 4, 2, 1) if n <= flavor.gpus and shares_heads(facts, n)]
    if wish.tensor_parallel_size:
        return [wish.tensor_parallel_size] if wish.tensor_parallel_size <= flavor.gpus else []
    return counts


def needed(facts: ModelFacts, gpus: int) -> float:
    """Bytes that one of so many GPUs must hold: its share of weights and cache, and the overhead."""
    if gpus == 0:  # on a CPU the weights are computed with in 32 bits
        return max(4 * (facts.parameters or 0), facts.weights or 0) + CPU_OVERHEAD
    cache = facts.cache / min(gpus, facts.cache_heads or gpus)
    return (facts.weights or 0) / gpus + cache + OVERHEAD


def room(flavor: Flavor, gpus: int, share: float = ROOM) -> float:
    """Bytes that vLLM may take of a GPU, or a process of the RAM."""
    return (share * flavor.gpu_memory if gpus else ROOM * flavor.ram) * GB


def lacks_bfloat16(flavor: Flavor) -> bool:
    """Whether a flavor's GPU is older than bfloat16: "T4", or "Tesla T4"."""
    return not NO_BFLOAT16.isdisjoint(flavor.gpu.split())


def objection(facts: ModelFacts, flavor: Flavor, gpus: int, wish: Wish) -> str | None:
    """Why a model does not run on a flavor, or None; first what no option changes: its size."""
    need, there = needed(facts, gpus), room(flavor, gpus, wish.share)
    if there and need > there:
        each = f" on each of {gpus} GPUs" if gpus > 1 else ""
        return f"it needs {need / GB:.1f} GB{each}, and {there / GB:.1f} GB are there"
    if flavor.disk and (facts.weights or 0) > 0.8 * flavor.disk * GB:
        return f"its files are {(facts.weights or 0) / GB:.0f} GB, and the disk has {flavor.disk:.0f} GB"
    stored = "bfloat16" if "BF16" in facts.types else None
    if lacks_bfloat16(flavor) and (stored if wish.dtype in (None, AUTO) else wish.dtype) == "bfloat16":
        return f"it computes in bfloat16, which a {flavor.gpu} does not have (--dtype float16 asks for another type)"
    return None


def fitting_flavors(facts: ModelFacts, flavors: Sequence[Flavor], wish: Wish) -> list[Placement]:
    """The flavors with a GPU on which a model fits, the cheapest first; of equal price the one with more memory."""
    found = []
    for flavor in flavors:
        if not flavor.gpus or (wish.backend != "vllm" and flavor.gpus > 1):
            continue
        size = next((n for n in allowed_sizes(facts, flavor, wish) if not objection(facts, flavor, n, wish)), None)
        if size:
            found.append(Placement(flavor, size, fit_text(facts, flavor, size, wish)))
    return sorted(found, key=lambda item: (item.flavor.price, -item.flavor.gpu_memory * item.flavor.gpus))


def fit_text(facts: ModelFacts, flavor: Flavor, gpus: int, wish: Wish) -> str:
    """What a model needs on a flavor, in words; and which of its GPUs have nothing to do, and why."""
    where = "RAM" if gpus == 0 else "GPU" if gpus == 1 else f"each of {gpus} GPUs"
    text = f"needs {needed(facts, gpus) / GB:.1f} of {room(flavor, gpus, wish.share) / GB:.1f} GB ({where})"
    if flavor.gpus <= max(1, gpus):
        return text
    if wish.backend != "vllm":
        why = f"{wish.backend} runs on one"
    elif wish.tensor_parallel_size:
        why = "as --tensor-parallel-size asks"
    else:
        why = f"{facts.heads} attention heads and {facts.cache_heads} KV heads are not divided evenly by {flavor.gpus}"
    return f"{text}; {flavor.gpus - gpus} of its {flavor.gpus} GPUs idle: {why}"


def choose_hardware(facts: ModelFacts, catalog: Catalog, wish: Wish) -> Placement:
    """The hardware for a model: as asked for, when it fits, else the cheapest that fits."""
    check_sizes(facts, catalog, wish)
    if wish.hardware != AUTO:
        return choose_asked(facts, catalog, wish)
    if facts.weights is None:
        raise ScriptError(
            f"{facts.model}: its size is not known (no safetensors metadata, no config.json, none in its name): "
            "give --hardware FLAVOR",
            code=3,
        )
    found = fitting_flavors(facts, catalog.flavors, wish)
    if not found:
        raise ScriptError(f"{facts.model}: no flavor holds its {facts.weights / GB:.0f} GB of weights and its cache", 3)
    if facts.source == "its name" and facts.parameters:
        floor = [item for item in found if item.flavor.name == flavor_by_size(facts.parameters)]
        if floor:
            return replace(floor[0], why=f"by the size in its name; {floor[0].why}")
    return replace(found[0], why=f"the cheapest that fits; {found[0].why}")


def check_sizes(facts: ModelFacts, catalog: Catalog, wish: Wish) -> None:
    """Refuse a --tensor-parallel-size that the hardware or the model cannot give."""
    size = wish.tensor_parallel_size
    if size is None:
        return
    if wish.backend != "vllm":
        raise ScriptError(f"--tensor-parallel-size is for --backend vllm; {wish.backend} runs on one GPU")
    able = [flavor.name for flavor in catalog.flavors if flavor.gpus >= size]
    if not able:
        most = max(flavor.gpus for flavor in catalog.flavors)
        raise ScriptError(f"--tensor-parallel-size {size}: no flavor has more than {most} GPUs")
    if wish.hardware != AUTO and catalog.find(wish.hardware).gpus < size:
        raise ScriptError(
            f"--tensor-parallel-size {size}: {catalog.find(wish.hardware)} cannot give that; {', '.join(able)} can"
        )
    if not shares_heads(facts, size):
        even = [n for n in range(1, 9) if shares_heads(facts, n)]
        kinds = f"{facts.heads} attention heads and {facts.cache_heads} KV heads"
        raise ScriptError(
            f"--tensor-parallel-size {size}: {facts.model} has {kinds}, not divided evenly; "
            f"{', '.join(map(str, even))} would, for instance on {', '.join(able)}"
        )


def choose_asked(facts: ModelFacts, catalog: Catalog, wish: Wish) -> Placement:
    """The --hardware asked for; refused when the model clearly does not fit, unless --force."""
    flavor = catalog.find(wish.hardware)
    if wish.backend == "vllm" and not flavor.gpus:
        raise ScriptError(
            f"--hardware {flavor.name} has no GPU, which --backend vllm needs: use l4x1, or another backend"
        )
    sizes = allowed_sizes(facts, flavor, wish) or [1]
    size = next((n for n in sizes if not objection(facts, flavor, n, wish)), None)
    if size is not None:
        known = facts.weights is not None
        told = fit_text(facts, flavor, size, wish) if known else "size not known"
        return Placement(flavor, size, f"as asked for; {told}")
    problem = objection(facts, flavor, sizes[0], wish)
    if not wish.force:
        able = [item.flavor.name for item in fitting_flavors(facts, catalog.flavors, wish)[:3]]
        hint = f"{', '.join(able)} would do" if able else "no flavor would do"
        raise ScriptError(f"{facts.model} on {flavor}: {problem}; {hint}, or --force", code=3)
    return Placement(flavor, sizes[0], f"as asked for, by --force: {problem}")


def largest(choices: Sequence[Placement]) -> Placement:
    """The hardware of a job with several models: of those chosen for each, the one with the most memory."""
    return max(choices, key=lambda item: (item.flavor.gpu_memory * item.flavor.gpus, item.flavor.price))


def speed(facts: ModelFacts, choice: Placement, backend: str) -> tuple[float, float]:
    """Assumed tokens per second, of prompts and of answers: 2 operations for each active parameter and token."""
    peak = PEAK.get(choice.flavor.gpu, ASSUMED_PEAK) if choice.flavor.gpus else CPU_PEAK
    operations = 2 * (facts.active or facts.parameters or UNKNOWN_SIZE)
    each = peak * 1e12 * max(1, choice.tensor_parallel_size) / operations / (1 if backend == "vllm" else WITHOUT_VLLM)
    # Small models are limited by all that surrounds them.
    return min(PROMPT_SHARE * each, 100_000.0), min(ANSWER_SHARE * each, 10_000.0)


def model_hours(args: argparse.Namespace, facts: ModelFacts, choice: Placement, tasks: Sequence[str]) -> float:
    """Hours that a model's tasks take: download, start of the engine, prompts, answers."""
    each = (task_tokens(task, args.limit, args.framework) for task in tasks)
    prompts, answers = (sum(part) for part in zip(*each, strict=True))
    reading, writing = speed(facts, choice, args.backend)
    seconds = ENGINE_SECONDS + (facts.weights or 0) / DOWNLOAD + prompts / reading + answers / writing
    return seconds / 3600


def assumptions(args: argparse.Namespace, catalog: Catalog) -> tuple[str, ...]:
    """What the estimate rests on, and where the prices are from."""
    slower = "" if args.backend == "vllm" else f", divided by {WITHOUT_VLLM} for --backend {args.backend}"
    return (
        f"assumed: {assumed_tokens(args.task, args.limit, args.framework)}; "
        f"{PROMPT_SHARE:.0%} of the GPU's peak while reading and {ANSWER_SHARE:.0%} while writing{slower}; "
        f"{START_SECONDS // 60} minutes to start a job",
        f"flavors and prices: {catalog.source}",
    )


def script_arguments(args: argparse.Namespace, models: Sequence[str], tasks: Sequence[str], tensor: int) -> list[str]:
    """The arguments of the evaluation script, but for its place in the data set."""
    # Apart: the client looks whether each word is a file, and a list of many is longer than a file's name may be.
    asked = question_words(args, tasks, "--task" if args.framework == "inspect" else "--tasks")
    words = ["--model", *models, *asked]
    words += ["--backend", args.backend]
    words += ["--tensor-parallel-size", str(tensor)] if tensor > 1 and args.backend == "vllm" else []
    for flag, value in (("--limit", args.limit), ("--custom-tasks", args.custom_tasks), ("--dtype", args.dtype)):
        words += [flag, str(value)] if value is not None else []
    for flag in PASSED_NUMBERS:
        value = getattr(args, flag.removeprefix("--").replace("-", "_"))
        words += [flag, str(value)] if value is not None else []
    words += ["--use-chat-template"] if args.use_chat_template else []
    return [*words, *(["--trust-remote-code"] if args.trust_remote_code else [])]


def check_models(args: argparse.Namespace, client: JobsClient | None) -> dict[str, Path]:
    """Put the models that are meant in the place of --model, each once; gives the folders that are uploaded."""
    uploads = upload_places(args)
    if client and uploads:
        client.refuse_public(args.upload, "model", "--upload")
    on_hub = [model for model in args.model if not Path(model).is_dir()]
    args.model = [*dict.fromkeys(named_models(client, on_hub)), *uploads]
    return uploads


def all_facts(
    args: argparse.Namespace, client: JobsClient | None, uploads: Mapping[str, Path]
) -> tuple[dict[str, ModelFacts], tuple[str, ...]]:
    """The facts of the models that can run, and why others cannot: a job of theirs would be paid for, and fail.

    ScriptError where none can.
    """
    question = HowRun(args.backend, args.trust_remote_code)

    def one(model: str) -> ModelFacts | ScriptError:
        try:
            return runnable(model)
        except HubAway:
            raise
        except ScriptError as error:
            return error

    def runnable(model: str) -> ModelFacts:
        local = uploads.get(model)
        facts = folder_facts(client, local, question) if local else fetch_facts(client, model, question)
        if facts.refusal and NAME_ANOTHER in facts.refusal:
            raise ScriptError(f"{model}: {facts.refusal}", code=1)
        if facts.refusal and not args.force:
            raise ScriptError(f"{model}: {facts.refusal} (--force sends it all the same)", code=1)
        if args.dtype == "float32" and "F32" not in facts.types:
            weights, each = max(facts.weights or 0, 4 * (facts.parameters or 0)), facts.cache_per_token
            facts = replace(facts, weights=weights or None, cache_per_token=each and 2 * each)
        if args.max_model_len:
            facts = replace(facts, longest=min(facts.longest or args.max_model_len, args.max_model_len))
        return facts

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(args.model, pool.map(one, args.model), strict=True))
    errors = [error for error in answers.values() if isinstance(error, ScriptError)]
    if len(errors) == len(answers):
        raise ScriptError("\n".join(map(str, errors)), code=max(error.code for error in errors))
    return {m: row for m, row in answers.items() if isinstance(row, ModelFacts)}, tuple(map(str, errors))


def hardware_catalog(client: JobsClient | None) -> Catalog:
    """The flavors there are now; without the Hub those of a built-in list."""
    if client is None:
        return BUILT_IN
    try:
        return client.catalog()
    except ScriptError as error:
        if error.code == 3:  # it was asked, and says that nothing is for hire
            raise
        note(f"warning: {error}")
        return BUILT_IN


def plan_gpu_run(args: argparse.Namespace, client: JobsClient | None) -> EvalRun:
    """Everything that a submission decides: jobs, hardware, cost."""
    uploads = check_models(args, client)
    (facts, refused), catalog = all_facts(args, client, uploads), hardware_catalog(client)
    args.model, uploads = list(facts), {place: path for place, path in uploads.items() if place in facts}
    facts |= {place: replace(facts[place], files=hashed_files(path.resolve())) for place, path in uploads.items()}
    share = args.gpu_memory_utilization or ROOM
    wish = Wish(args.backend, args.hardware, args.tensor_parallel_size, args.dtype, share, args.force)
    choices = {model: choose_hardware(facts[model], catalog, wish) for model in args.model}
    run_id = args.run_id or new_run_id()
    namespace = client.namespace if client else args.namespace or "OWNER"
    results_repo = args.results_repo or f"{namespace}/eval-results"
    shares = matrix(args.model, args.task, args.split or "")
    jobs = [gpu_job(args, models, tasks, facts, choices, f"{results_repo}/runs/{run_id}") for models, tasks in shares]
    script = FRAMEWORKS[args.framework]
    script_path(script)
    notes = (*choice_notes(facts, choices), *assumptions(args, catalog))
    if not args.custom_tasks:
        others = [task for task in args.task if task not in own_sets(args)]
        notes += task_warnings(others, args.framework, FRAMEWORKS[args.framework])
    notes += shown_uploads(uploads, client.token if client else None) + shown_questions(args)
    notes += shorter_context(args, facts, catalog, wish, sum(job.dollars for job in jobs))
    states = {job.name: JobState() for job in jobs}
    return EvalRun(
        run_id,
        script,
        namespace,
        results_repo,
        args.timeout or DEFAULT_TIMEOUT,
        args.image,
        locked_packages(script, args.backend),
        tuple(jobs),
        states,
        notes,
        files=own_files(args) | {name: digest for row in facts.values() for name, digest in row.files.items()},
        uploads={place: str(path.resolve()) for place, path in uploads.items()},
        prices_known=catalog.known,
        refused=refused,
        seals_results=True,
    )


def own_files(args: argparse.Namespace) -> dict[str, str]:
    """The user's files that travel with the jobs, and their hashes."""
    own = {args.custom_tasks: file_sha256(Path(args.custom_tasks))} if args.custom_tasks else {}
    return own | question_files(args)


def shorter_context(
    args: argparse.Namespace, facts: Mapping[str, ModelFacts], catalog: Catalog, wish: Wish, dollars: float
) -> tuple[str, ...]:
    """The --max-model-len that the tasks need, where it makes the run cheaper, with both prices."""
    length = needed_length(args.task, args.framework)
    if args.backend != "vllm" or args.max_model_len or wish.hardware != AUTO:
        return ()
    shorter = {
        model: replace(row, longest=min(row.longest or length, length)) if row.cache_per_token else row
        for model, row in facts.items()
    }
    choices = {model: choose_hardware(row, catalog, wish) for model, row in shorter.items()}
    shares = matrix(args.model, args.task, args.split or "")
    cheaper = sum(gpu_job(args, models, tasks, shorter, choices, "x/y/runs/z").dollars for models, tasks in shares)
    if cheaper > 0.95 * dollars:
        return ()
    where = names_text(list(dict.fromkeys(choice.flavor.name for choice in choices.values())))
    return (
        f"cheaper: --max-model-len {length} needs {where}, {money(cheaper)} instead of {money(dollars)}: about as many "
        "tokens as these tasks need, and the models' own context is longer; what does not fit is cut, and counted",
    )


def gpu_job(
    args: argparse.Namespace,
    models: Sequence[str],
    tasks: Sequence[str],
    facts: Mapping[str, ModelFacts],
    choices: Mapping[str, Placement],
    results: str,
) -> EvalJob:
    """One job of the matrix; `results` is the run's place in the data set."""
    choice = largest([choices[model] for model in models])
    words = script_arguments(args, models, tasks, choice.tensor_parallel_size)
    settings = without_flags(words, ("--tensor-parallel-size", "--gpu-memory-utilization"))
    uploaded = [f"{Path(name).name} {digest}" for model in models for name, digest in facts[model].files.items()]
    name = job_name(models, tasks, [*settings, *own_files(args).values(), *uploaded])
    words += needed_dtype(args, [facts[model] for model in models], choice)
    words += ["--results-repo", f"{results}/{name}"]
    each = [model_hours(args, facts[model], choice, tasks) for model in models]
    hours = round(START_SECONDS / 3600 + sum(each), 4)
    folder = f"{results.split('/', 2)[2]}/{name}"
    return EvalJob(
        name, tuple(models), tuple(tasks), tuple(words), folder, choice.flavor.name, choice.flavor.price, hours
    )


def needed_dtype(args: argparse.Namespace, facts: Sequence[ModelFacts], choice: Placement) -> list[str]:
    """--dtype float16 for a GPU without bfloat16 when the type of the weights is not known."""
    unsure = any(not row.types for row in facts)
    return ["--dtype", "float16"] if args.dtype is None and unsure and lacks_bfloat16(choice.flavor) else []


def count_text(number: float, units: str = "BMk") -> str:
    """A count or, with units "GMk", a size in three digits: "8.03 B", "135 M", "16.1 G"."""
    for unit, size in zip(units, (1e9, 1e6, 1e3), strict=True):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} "


def choice_notes(facts: Mapping[str, ModelFacts], choices: Mapping[str, Placement]) -> tuple[str, ...]:
    """For each kind of model, what it is and which hardware it gets why; like ones are said once."""
    said: dict[str, list[str]] = {}
    for model, row in facts.items():
        size = f"{count_text(row.parameters)} parameters" if row.parameters else "size not known"
        size += "" if row.parameters or row.active else f", taken as {count_text(UNKNOWN_SIZE)} for the time"
        size += f", {count_text(row.active)} at a time" if row.active else ""
        size = f"an adapter: {size}" if row.is_adapter else size
        kinds = "/".join(row.types) or "type not known"
        longest = f", longest request {row.longest:,} tokens ({count_text(row.cache, 'GMk')}B)" if row.longest else ""
        weights = f", {count_text(row.weights, 'GMk')}B" if row.weights else ""
        choice = choices[model]
        tensor = f", tensor parallel over {choice.tensor_parallel_size}" if choice.tensor_parallel_size > 1 else ""
        text = f"{size}, {kinds}{weights}{longest} (from {row.source}) -> {choice.flavor}{tensor}: {choice.why}"
        said.setdefault(text, []).append(model)
    return tuple(f"{names_text(models)}: {text}" for text, models in said.items())
