"""The way out of NOT COMPARABLE and MISSING: the command that measures the other model as this one was, or what is to
be changed where answers that a model gave, measured alike, cannot be used.

Takes a run that may be used (its record says how it was made) and the other model; gives a command line. Records of
this project's scripts keep their own command; for those of lm-eval, lighteval and inspect-ai the harness's own command
is written, in the record's version, with what the record says of tasks, shots, types and backend. Of other harnesses
the settings are told.
"""

from __future__ import annotations

import math
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.comparison.comparable import scale_reasons, unlike_reasons
from parts.comparison.pairs import match_items
from parts.comparison.vocabulary import ABSENT, NOT_COMPARABLE, SCORED_FILES, ModelRuns, Row, Run, TaskFailure
from parts.foreign import mapping_in
from parts.frame import ScriptError, command_line_of, listing, path_word, run_line, single_line, uv_words
from parts.records.attempts import COUNT_WORDS
from parts.records.command import (
    Carried,
    carried_options,
    is_model_word,
    is_one_line,
    is_plain_word,
    is_task_name,
    scoring_options,
    yours_to_name,
)
from parts.records.files import read_record
from parts.records.run import setting_differences
from parts.records.settings import TEMPLATE_FORMS, UNSAID, WORDS_OF_SETTINGS, shortened
from parts.vocabulary import library_field

# What lm-eval takes for a model's arguments, for drawing answers, and as seeds with what they are when nobody says so.
LM_EVAL_LOADING = ("max_model_len", "quantization", "load_in_8bit", "load_in_4bit", "kv_cache_dtype", "softmax_dtype")
LM_EVAL_LOADING += ("add_bos_token", "enable_thinking", "think_end_token", "enforce_eager", "attn_implementation")
LM_EVAL_DRAWS = ("do_sample", "temperature", "top_p", "top_k", "min_p", "max_gen_toks", "repetition_penalty")
LM_EVAL_DRAWS += ("presence_penalty", "frequency_penalty")
LM_EVAL_SEEDS = {"random_seed": "0", "numpy_seed": "1234", "torch_seed": "1234", "fewshot_seed": "1234"}
INSPECT_OPTIONS = ("limit", "temperature", "max_tokens", "seed", "top_p", "top_k", "frequency_penalty")
INSPECT_OPTIONS += ("presence_penalty", "reasoning_effort", "reasoning_tokens", "message_limit", "token_limit")
AGAIN_FOLDER = "again"
OWN_QUESTIONS = "your questions"
ITS_FILE = "PREDICTIONS"
# Settings that follow from the others or from the task, so that no option says them.
FOLLOW = {"harness", "metric", "metric name", "prompt template", "chat template text", "chat template hash"}
FOLLOW |= {"chat_template_sha", "examples_in_prompts", "few-shot split"}
ITS_FOLDER = "FOLDER"  # stands for a checkpoint's folder, which no record tells
CUE_CURE = "a cue at the end of the prompt"
# What an answer lacks -> what to change for both models, by the words of the gate.
CURES = {
    COUNT_WORDS["empty"]: CUE_CURE,
    COUNT_WORDS["unparsed"]: CUE_CURE,
    COUNT_WORDS["truncated"]: "more --max-tokens",
    COUNT_WORDS["truncated_prompts"]: "fewer shots, or a greater --max-model-len",
    "without a score": "the cause in the samples' `error`",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A command with a place for its tasks: the words before and after them, how they stand there, a second command.

    said: words in place of a command, where none can be given; yours: options that the record's command had besides.
    own: what FILE is, which only the user can name, where the tasks are files of one's own questions or in such a file;
    unknown: the checkpoint of which only the user knows the folder. sets: the settings that the command makes, by their
    words; unset: those that it leaves, and in which the two models differ.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    apart: bool = False
    said: str = ""
    yours: tuple[str, ...] = ()
    own: str = ""
    unknown: str = ""
    sets: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()

    def line(self, tasks: Sequence[str]) -> str:
        """The way for these tasks, each word quoted once."""
        if self.said:
            return f"{self.said}: {single_line(shlex.join(tasks))}"
        files = ["FILE" if self.own == OWN_QUESTIONS else f"FILE@{task}" for task in tasks] if self.own else []
        words = files or (tasks if self.apart else [",".join(tasks)])
        line = command_line_of([*self.before, *words, *self.after])
        whole = " && ".join([line, *([command_line_of(self.then)] if self.then else [])])
        told = [f"FILE: {self.own} {single_line(', '.join(tasks))}"] * bool(self.own)
        told += [f"{ITS_FOLDER}: where {single_line(self.unknown)} lies"] * bool(self.unknown)
        told += [yours_to_name(self.yours)] * bool(self.yours)
        unset = f"not set by this command, and unlike, so what it gives is not yet alike: {'; '.join(self.unset)}"
        told += [unset] * bool(self.unset)
        return f"{whole}  # {'; '.join(told)}" if told else whole


def ways_out(rows: Iterable[tuple[Row, tuple[str, str]]], models: Mapping[str, ModelRuns]) -> list[str]:
    """For rows without a comparison, each with its (first, second) model: what to run, once for all tasks alike."""
    tasks: dict[tuple[str, str, Way], list[str]] = defaultdict(list)
    causes: dict[str, list[str]] = defaultdict(list)
    mended: list[TaskFailure] = []
    units: list[str] = []
    scored: list[str] = []
    for row, names in rows:
        if row.verdict not in (NOT_COMPARABLE, ABSENT):
            continue
        found = [[run for run in models[name].runs if run.key == row.key] for name in names]
        found = [list(side.runs) for side in row.sides] if row.sides else found
        usable = [i for i in (0, 1) if found[i] and all(is_usable(run) for run in found[i])]
        alike = row.sides and not unlike_reasons(*row.sides, match_items(*row.sides), all(s.scores for s in row.sides))
        spoilt = [(names[i], cause) for i in (0, 1) if alike and (cause := cause_of(found[i]))]
        for name, cause in spoilt:
            causes[cause] += [name] if name not in causes[cause] else []
        failed = [models[names[i]].failures.get(row.key) for i in (0, 1) if not found[i]]
        failed = [failure for failure in failed if failure and failure.file]
        mended += failed
        if failed:
            continue
        if row.sides and (scales := scale_reasons(*row.sides)):
            units.append(unit_stated(row, scales))
            continue
        if not usable or spoilt:
            continue
        one, other = (names[usable[0]], names[1 - usable[0]])
        if found[usable[0]][0].harness[0] == SCORED_FILES:
            scored += scored_alike(row, found, names, usable[0])
            continue
        others = {run.subtask: run for run in reversed(found[1 - usable[0]])}
        for run in found[usable[0]]:
            way, task = way_like(run, *model_argument(models[other], other))
            way = replace(way, unset=left_unlike(run, others.get(run.subtask), way))
            if task not in tasks[one, other, way]:
                tasks[one, other, way].append(task)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (one, other, way), own in tasks.items():
        alike[other, way.line(own)].append(one)
    lines = [
        f"measure {single_line(other)} as {listing(ones)} {'was' if len(ones) == 1 else 'were'}: {line}"
        for (other, line), ones in alike.items()
    ]
    return [
        *filter(None, [conversion_again(mended)]),
        *dict.fromkeys(units),
        *dict.fromkeys(scored),
        *lines,
        *(f"{listing(names, 20)}: {cause}" for cause, names in causes.items()),
    ]


def left_unlike(run: Run, other: Run | None, way: Way) -> tuple[str, ...]:
    """The settings of a run in which another one differs, and that the command of a harness does not make."""
    if other is None or way.said or not way.sets:
        return ()
    made = {*way.sets, *words_for(way.yours), *FOLLOW}
    found = {name: values[0] for name, values in setting_differences(run, other).items() if name not in made}
    none = (UNSAID, "false")
    return tuple(f"{name} {shortened(value)}" for name, value in found.items() if value.lower() not in none)


def scored_alike(row: Row, found: Sequence[Sequence[Run]], names: Sequence[str], first: int) -> list[str]:
    """The way out for scores of files of predictions: the side that lacks items is completed, one that was scored
    otherwise is scored again."""
    matched = match_items(*row.sides) if row.sides else None
    lacks = (matched.only_candidate, matched.only_baseline) if matched else (0, 0)  # of the first side, of the second
    settings = row.sides and any(
        setting_differences(one, two) for one in found[0] for two in found[1] if one.subtask == two.subtask
    )
    if matched and not settings and any(lacks):
        rated = any("rater" in answer.fields for side in row.sides for answer in side.answers.values())
        what = "ratings (of an item by a rater)" if rated else "items"
        if all(lacks):
            told = f"{lacks[0]} {what} only {names[1]} has, {lacks[1]} only {names[0]}"
            both = "both are to be rated by the same people on the same items" if rated else "give both the same items"
            return [f"{row.label}: {told}: {both}, under the same ids, and score them again"]
        other = 0 if lacks[0] else 1
        told = f"complete {names[other]}'s file, which lacks {max(lacks)} {what} that {names[1 - other]} has"
    else:
        other = 1 - first
        told = f"score {names[other]}'s file as {names[first]}'s was"
    run = found[1 - other][0]
    command = str(mapping_in(mapping_in(record_behind(run), "eval_library"), "additional_details").get("command") or "")
    words = [*run_words("score_predictions.py"), ITS_FILE, *scoring_options(command), "--model-id", names[other]]
    words = words if is_model_word(names[other]) else words[:-2]
    return [f"{told}: {command_line_of([*words, *into_folder(run.file)])}  # {ITS_FILE}: {names[other]}'s file"]


def conversion_again(failures: Iterable[TaskFailure | None]) -> str:
    """The way out of numbers that their metrics cannot have: no other measurement, the files as they should be."""
    found = [failure for failure in failures if failure and failure.file and is_one_line(failure.file)]
    files = sorted({failure.file for failure in found})
    words = [*run_words("convert_results.py"), *map(Path, files), *into_folder(found[0].record if found else "")]
    return f"correct {listing(files, 20)} and convert again: {command_line_of(words)}" if files else ""


def into_folder(record: str) -> tuple[str, ...]:
    """Where records are to lie beside one, which is below a results folder's data/collection/developer/model."""
    parents = Path(record).parents
    folder = parents[4] if Path(record).parts[-5:-4] == ("data",) else parents[0] if record else Path("results")
    return ("--output-dir", path_word(folder))


def unit_stated(row: Row, scales: Sequence[str]) -> str:
    """The way out of scores on two scales: no other measurement, but what the numbers of the records are."""
    runs = [run for side in row.sides for run in side.runs]
    unclear = [run for run in runs if run.unit == "unknown"] or runs
    files = listing([run.file for run in unclear if is_one_line(run.file)], 4)
    fields = "metric_unit, min_score, max_score, lower_is_better"
    return (
        f"{row.label}: {'; '.join(scales)}: measured again they would be the same. Say what the numbers are in "
        f"metric_config ({fields}) of {single_line(unclear[0].result_id)} in {files}, or convert the score there to "
        "the other's unit"
    )


def cause_of(runs: Sequence[Run]) -> str:
    """What fits answers that cannot be used, and that the same measurement would give again; nothing for another
    reason against a run."""
    reasons = [reason for run in runs if run.measured for reason in run.validity.reasons]
    lacks = {words: cure for words, cure in CURES.items() if any(r.endswith(f" answers {words}") for r in reasons)}
    if not lacks or any(not reason.endswith(tuple(f" answers {words}" for words in lacks)) for reason in reasons):
        return ""
    cures = list(dict.fromkeys(lacks.values()))
    allowed = f"max_invalid: {share_needed(reasons):g} in a --policy FILE, or --allow-unlike"
    if all(run.harness[0] == SCORED_FILES for run in runs if run.measured):
        return (
            f"too many answers {listing(lacks)} in the predictions that were scored: complete the file and score it "
            f"again; or, where these are the model's answers and with the user's yes, allow them: {allowed}"
        )
    if CUE_CURE in cures:
        own = any(is_own_questions(record_behind(run), run) for run in runs)
        way = r"--template '{question}\nAnswer:'" if own else "--use-chat-template for a chat model"
        cures[cures.index(CUE_CURE)] = f"{CUE_CURE} ({way})"
    again = "" if "without a score" in lacks else ", so the same again gives the same"
    return (
        f"measured like the other, and too many answers {listing(lacks)}{again}; change for "
        f"all models: {listing(cures)}; or, with the user's yes, compare the scores as they are: {allowed}"
    )


def share_needed(reasons: Iterable[str]) -> float:
    """The least max_invalid, in hundredths, with which answers like "7 of 60 answers empty" are no reason."""
    found = [re.match(r"(\d+) of (\d+) answers ", reason) for reason in reasons]
    return max(math.ceil(100 * int(one[1]) / int(one[2])) for one in found if one) / 100


def is_own_questions(record: Mapping[str, Any], run: Run) -> bool:
    """Whether a record's task is a file of --questions."""
    details = mapping_in(mapping_in(record, "eval_library"), "additional_details")
    carried = carried_options(str(details.get("command") or ""))
    source = mapping_in(mapping_in(result_behind(record, run), "source_data"), "additional_details")
    return carried is not None and "--questions" in carried.yours and source.get("split") == "questions"


def result_behind(record: Mapping[str, Any], run: Run) -> Mapping[str, Any]:
    rows = record.get("evaluation_results") or []
    return next((row for row in rows if row.get("evaluation_result_id") == run.result_id), {})


def is_usable(run: Run) -> bool:
    """Whether a run is a measurement that another one may be like."""
    return run.measured and not run.validity.reasons


def model_argument(model: ModelRuns, name: str) -> tuple[str, bool, str]:
    """(how a model is given to a script, whether that is a folder, a checkpoint whose folder only the user knows).

    It is the folder that a record names where that is here, else the id and revision, or the name it was asked by.
    """
    for run in model.runs:
        details = mapping_in(mapping_in(record_behind(run), "model_info"), "additional_details")
        path, revision = details.get("path"), run.identity.revision
        if isinstance(path, str) and Path(path).is_dir():
            return path_word(path), True, ""
        if path and not revision:
            return ITS_FOLDER, True, run.identity.id or name
        if run.identity.adapter not in ("", run.identity.id):  # that id is its base's
            return run.identity.adapter, False, ""
        return run.identity.id + (f"@{revision}" if revision and revision != "main" else "") or name, False, ""
    return name, False, ""


def record_behind(run: Run) -> Mapping[str, Any]:
    try:
        return read_record(Path(run.file)) or {}
    except (ScriptError, OSError):
        return {}


def way_like(run: Run, model: str, local: bool, unknown: str) -> tuple[Way, str]:
    """(how the model is measured as this run was, the run's task); for the others see model_argument."""
    record = record_behind(run)
    library = mapping_in(record, "eval_library")
    details = mapping_in(library, "additional_details")
    row = result_behind(record, run)
    said = dict(mapping_in(mapping_in(row, "generation_config"), "additional_details"))
    said |= mapping_in(mapping_in(row, "generation_config"), "generation_args")
    said["engine"] = mapping_in(mapping_in(record, "model_info"), "inference_engine").get("name")
    said["shots"] = run.shots
    of_file = details.get("task_file") and not str(details.get("task")).startswith("inspect_evals/")
    task = str(details.get("task") or run.name)
    carried = carried_options(str(details.get("command") or ""))
    name, version = library_field(str(library.get("name") or "")), str(library.get("version") or "")
    version = version if re.fullmatch(r"\d[\w.!-]{0,40}", version) else ""
    if carried is None and name in HARNESSES:
        task = task.partition("|")[0] if name != "lighteval" else task if "|" in task else f"{task}|{run.shots or 0}"
    bare = task.removeprefix("inspect_evals/")
    named = is_task_name(bare) and (is_model_word(model) if carried is None else is_one_line(model))
    if named and carried is not None:
        way = own_command(carried, model, is_own_questions(record, run))
        return replace(way, after=(*way.after, *into_folder(run.file)), unknown=unknown), task
    if named and name in HARNESSES:
        way = HARNESSES[name](model, version, said)
        if name == "inspect" and of_file:
            way = replace(way, own=f"your task file {single_line(details['task_file'])[:100]} with")
        way = replace(way, then=(*then_convert(), *into_folder(run.file)))
        if local:  # the new records are known by the same weights as the old ones
            way = replace(way, then=(*way.then, "--checkpoints", model), unknown=unknown)
        return way, f"inspect_evals/{bare}" if name == "inspect" and not way.own else bare if way.own else task
    told = [f"{run.shots}-shot"] * bool(run.shots)
    told += [
        f"{key} {shlex.quote(str(said[key]))}"
        for key in ("dtype", "backend", "temperature", "max_tokens")
        if is_said(said, key)
    ]
    how = single_line(" ".join(["with", *map(shlex.quote, run.harness), *([f"({', '.join(told)})"] if told else [])]))
    odd = "" if named else " (no command: the record's task or model is no plain name; look at the record)"
    return Way(said=how + odd), task


def own_command(carried: Carried, model: str, own: bool) -> Way:
    """A command of one of this project's scripts with another model; own: for a file of questions."""
    option = "--questions" if own else "--task" if carried.script.startswith("inspect") else "--tasks"
    before = (*run_words(carried.script), "--model", model, option)
    yours = tuple(name for name in carried.yours if name != "--questions")
    return Way(before, carried.words, apart=option == "--task", yours=yours, own=OWN_QUESTIONS if own else "")


def harness_alone() -> list[str]:
    """What runs a harness itself: nothing of the current folder, which may be a stranger's, says how."""
    return [*uv_words(harness=True), "--no-project"]


def run_words(name: str) -> list[str]:
    """What runs a script of this project, as words that are not yet quoted."""
    return shlex.split(run_line(name))


def is_said(said: Mapping[str, Any], key: str) -> bool:
    return said.get(key) not in (None, "", "None", False) and str(said[key]).lower() != "false"


def with_flags(said: Mapping[str, Any], flags: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(words for what a record says: --seed 1234, a flag alone where it says true; flags whose value is not plain)."""
    words: list[str] = []
    odd: list[str] = []
    for key, flag in flags.items():
        value = str(said.get(key))
        if not is_said(said, key):
            continue
        if value.lower() == "true":
            words.append(flag)
        elif is_one_line(value) if key == "system_prompt" else is_plain_word(value):
            words += [f"{flag}{value}"] if flag.endswith("=") else [flag, value]
        else:
            odd.append(flag.rstrip("="))
    return tuple(words), tuple(odd)


def model_arguments(model: str, name: str, said: Mapping[str, Any], more: Sequence[str] = ()) -> str:
    """The model's arguments as a harness wants them: "pretrained=o/m,revision=abc,dtype=float16"."""
    model, _, revision = model.partition("@")
    known = {name: model, "revision": revision} | {key: plain_setting(said, key) for key in ("dtype", *more)}
    return ",".join(f"{key}={value}" for key, value in known.items() if value)


def plain_setting(said: Mapping[str, Any], key: str) -> str:
    """A setting that a record says, where it is a plain word; else nothing."""
    value = "" if said.get(key) in (None, "", "None") else str(said[key])
    return value if is_plain_word(value) else ""


def not_plain(said: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """The settings that a record says in more than a plain word."""
    return tuple(key for key in keys if is_said(said, key) and not plain_setting(said, key))


def words_for(keys: Iterable[str]) -> tuple[str, ...]:
    """The words for people of some settings."""
    return tuple(WORDS_OF_SETTINGS.get(key, key) for key in keys)


def lm_eval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "hf"
    flags = {
        "shots": "--num_fewshot",
        "limit": "--limit",
        "use_chat_template": "--apply_chat_template",
        "apply_chat_template": "--apply_chat_template",
    }
    flags |= {"fewshot_as_multiturn": "--fewshot_as_multiturn", "system_prompt": "--system_instruction"}
    if not any(is_said(said, name) for name in ("use_chat_template", "apply_chat_template")):  # lm-eval refuses these
        flags = {name: flag for name, flag in flags.items() if name not in TEMPLATE_FORMS}
    how, odd = with_flags(said, flags)
    said = dict(said)
    if said.get("max_tokens") and not said.get("max_gen_toks"):
        said["max_gen_toks"] = said["max_tokens"]
    drawn = [f"{key}={value}" for key in LM_EVAL_DRAWS if (value := plain_setting(said, key))]
    seeds = [plain_setting(said, key) or usual for key, usual in LM_EVAL_SEEDS.items()]
    how += ("--gen_kwargs", ",".join(drawn)) if drawn else ()
    how += ("--seed", ",".join(seeds)) if seeds != list(LM_EVAL_SEEDS.values()) else ()
    more = (*LM_EVAL_LOADING, *(("max_length",) if backend == "hf" else ()))
    before = (*harness_alone(), "--with", pinned(f"lm-eval[{backend}]", version), "lm_eval", "--model", backend)
    before += ("--model_args", model_arguments(model, "pretrained", said, more), "--tasks")
    after = (*how, "--log_samples", "--output_path", AGAIN_FOLDER)
    left = (*odd, *not_plain(said, ("dtype", *more, *LM_EVAL_DRAWS)))
    made = {*flags, *LM_EVAL_SEEDS, *LM_EVAL_DRAWS, *more, "dtype", "few_shot", "backend", "max_tokens"} - set(left)
    return Way(before, after, yours=left, sets=words_for(sorted(made)))


def lighteval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "accelerate"
    extra = "vllm" if backend == "vllm" else "math"
    more = ("max_model_length",) if backend == "vllm" else ("max_length",)
    how, odd = with_flags(said, {"limit": "--max-samples", "system_prompt": "--system-prompt"})
    before = (*harness_alone(), "--with", pinned(f"lighteval[{extra}]", version), "lighteval", backend)
    before += (model_arguments(model, "model_name", said, more),)
    after = (*how, "--save-details", "--output-dir", AGAIN_FOLDER)
    left = (*odd, *not_plain(said, ("dtype", *more)))
    made = {"limit", "system_prompt", "dtype", "few_shot", "backend", *more} - set(left)
    return Way(before, after, yours=left, sets=words_for(sorted(made)))


def inspect_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    engine = str(said.get("backend") or said.get("engine") or "hf")
    engine = {"transformers": "hf"}.get(engine, engine if is_plain_word(engine) else "hf")
    name = f"{engine}/{model.partition('@')[0].removeprefix(engine + '/')}"
    shots, odd_shots = with_flags(said, {"shots": "fewshot="})
    flags = {key: f"--{key.replace('_', '-')}" for key in INSPECT_OPTIONS} | {"repeats": "--epochs"}
    how, odd = with_flags(said, flags)
    packages = ("--with", pinned("inspect-ai", version), "--with", "inspect-evals")
    before = (*harness_alone(), *packages, "inspect", "eval")
    after = ("--model", name, *(("-T", *shots) if shots else ()), *how, "--log-dir", AGAIN_FOLDER)
    made = {*flags, "few_shot", "backend"} - set(odd)
    return Way(before, after, apart=True, yours=(*odd_shots, *odd), sets=words_for(sorted(made)))


HARNESSES = {"lm_eval": lm_eval_command, "lighteval": lighteval_command, "inspect": inspect_command}


def pinned(package: str, version: str) -> str:
    return f"{package}=={version}" if version else package


def then_convert() -> tuple[str, ...]:
    return (*run_words("convert_results.py"), AGAIN_FOLDER)
