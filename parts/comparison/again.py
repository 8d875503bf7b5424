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
    yours_to_name,
)
from parts.records.files import read_record
from parts.vocabulary import library_field

AGAIN_FOLDER = "again"
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
    own: whether the tasks are files of one's own questions, which only the user can name; unknown: the checkpoint of
    which only the user knows the folder.
    """

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    apart: bool = False
    said: str = ""
    yours: tuple[str, ...] = ()
    own: bool = False
    unknown: str = ""

    def line(self, tasks: Sequence[str]) -> str:
        """The way for these tasks, each word quoted once."""
        if self.said:
            return f"{self.said}: {single_line(shlex.join(tasks))}"
        words = ["FILE"] * len(tasks) if self.own else tasks if self.apart else [",".join(tasks)]
        line = command_line_of([*self.before, *words, *self.after])
        whole = " && ".join([line, *([command_line_of(self.then)] if self.then else [])])
        told = [f"FILE: your questions {single_line(', '.join(tasks))}"] * self.own
        told += [f"{ITS_FOLDER}: where {single_line(self.unknown)} lies"] * bool(self.unknown)
        told += [yours_to_name(self.yours)] * bool(self.yours)
        return f"{whole}  # {'; '.join(told)}" if told else whole


def ways_out(rows: Iterable[tuple[Row, tuple[str, str]]], models: Mapping[str, ModelRuns]) -> list[str]:
    """For rows without a comparison, each with its (first, second) model: what to run, once for all tasks alike."""
    tasks: dict[tuple[str, str, Way], list[str]] = defaultdict(list)
    causes: dict[str, list[str]] = defaultdict(list)
    mended: list[TaskFailure] = []
    units: list[str] = []
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
        for run in found[usable[0]]:
            way, task = way_like(run, *model_argument(models[other], other))
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
        *lines,
        *(f"{listing(names, 20)}: {cause}" for cause, names in causes.items()),
    ]


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
        way = replace(way, then=(*then_convert(), *into_folder(run.file)))
        if local:  # the new records are known by the same weights as the old ones
            way = replace(way, then=(*way.then, "--checkpoints", model), unknown=unknown)
        return way, f"inspect_evals/{bare}" if name == "inspect" else task
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
    return Way(before, carried.words, apart=option == "--task", yours=yours, own=own)


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


def model_arguments(model: str, name: str, said: Mapping[str, Any]) -> str:
    """The model's arguments as a harness wants them: "pretrained=o/m,revision=abc,dtype=float16"."""
    model, _, revision = model.partition("@")
    known = {name: model, "revision": revision, "dtype": str(said.get("dtype") or "")}
    return ",".join(f"{key}={value}" for key, value in known.items() if value and (key == name or is_plain_word(value)))


def left_dtype(said: Mapping[str, Any]) -> tuple[str, ...]:
    return ("dtype",) if is_said(said, "dtype") and not is_plain_word(str(said["dtype"])) else ()


def lm_eval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "hf"
    flags = {
        "shots": "--num_fewshot",
        "limit": "--limit",
        "use_chat_template": "--apply_chat_template",
        "apply_chat_template": "--apply_chat_template",
    }
    flags |= {"fewshot_as_multiturn": "--fewshot_as_multiturn", "system_prompt": "--system_instruction"}
    how, odd = with_flags(said, flags)
    before = (*harness_alone(), "--with", pinned(f"lm-eval[{backend}]", version), "lm_eval", "--model", backend)
    before += ("--model_args", model_arguments(model, "pretrained", said), "--tasks")
    after = (*how, "--log_samples", "--output_path", AGAIN_FOLDER)
    return Way(before, after, yours=(*odd, *left_dtype(said)))


def lighteval_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    backend = "vllm" if "vllm" in (said.get("backend"), said.get("engine")) else "accelerate"
    extra = "vllm" if backend == "vllm" else "math"
    how, odd = with_flags(said, {"limit": "--max-samples", "system_prompt": "--system-prompt"})
    before = (*harness_alone(), "--with", pinned(f"lighteval[{extra}]", version), "lighteval", backend)
    before += (model_arguments(model, "model_name", said),)
    after = (*how, "--save-details", "--output-dir", AGAIN_FOLDER)
    return Way(before, after, yours=(*odd, *left_dtype(said)))


def inspect_command(model: str, version: str, said: Mapping[str, Any]) -> Way:
    engine = str(said.get("backend") or said.get("engine") or "hf")
    engine = {"transformers": "hf"}.get(engine, engine if is_plain_word(engine) else "hf")
    name = f"{engine}/{model.partition('@')[0].removeprefix(engine + '/')}"
    shots, odd_shots = with_flags(said, {"shots": "fewshot="})
    flags = {"limit": "--limit", "temperature": "--temperature", "max_tokens": "--max-tokens", "seed": "--seed"}
    how, odd = with_flags(said, flags)
    packages = ("--with", pinned("inspect-ai", version), "--with", "inspect-evals")
    before = (*harness_alone(), *packages, "inspect", "eval")
    after = ("--model", name, *(("-T", *shots) if shots else ()), *how, "--log-dir", AGAIN_FOLDER)
    return Way(before, after, apart=True, yours=(*odd_shots, *odd))


HARNESSES = {"lm_eval": lm_eval_command, "lighteval": lighteval_command, "inspect": inspect_command}


def pinned(package: str, version: str) -> str:
    return f"{package}=={version}" if version else package


def then_convert() -> tuple[str, ...]:
    return (*run_words("convert_results.py"), AGAIN_FOLDER)
