"""Predictions, subjects, audio and custom metrics read; a metric applied to a file."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import re
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts.checkpoints import WEIGHT_FILES, inside, is_adapter, model_files_sha256, weights_sha256
from parts.frame import ScriptError, command_line_of, listing, single_line, slug, whole_file, write_whole
from parts.hashed_model import hashed_files_only
from parts.hub.answers import keep_token_home
from parts.inputs import (
    MAX_SAMPLES,
    check_columns,
    input_bytes,
    open_input,
    sheet_lines,
    strict_json,
    strict_json_line,
)
from parts.libraries import refuse_libraries
from parts.metrics.attempts import put_together, unequal_attempts
from parts.metrics.classes import score_f1, score_matthews
from parts.metrics.code_files import rows_of_document, with_own_id
from parts.metrics.columns import check_wanted, goes_by_place, is_read, of_one_system, renamed
from parts.metrics.correlations import score_correlation, score_separation
from parts.metrics.forecasts import (
    NORMS,
    score_brier,
    score_calibration,
    score_log_loss,
    score_pass_at_k,
    score_ranking,
)
from parts.metrics.items import (
    READ_FIELDS,
    check_line,
    check_problems,
    is_finite,
    other_prompts,
    ungrouped,
    with_vote_roles,
)
from parts.metrics.joining import joined_files
from parts.metrics.oddities import COMPARED, as_references_write, odd_text_lines
from parts.metrics.ratings import score_krippendorff, score_mos, score_mushra
from parts.metrics.records import Evaluation, record_of, sample_lines
from parts.metrics.texts import (
    score_accuracy,
    score_bleu,
    score_chrf,
    score_error_rate,
    score_exact_match,
    score_rouge,
    score_ter,
    score_token_f1,
    started_with,
)
from parts.metrics.trec import listening_row, trec_rows
from parts.metrics.uncertainty import clipped, mean_scores
from parts.metrics.vocabulary import (
    Choices,
    Columns,
    CustomMetric,
    Item,
    Line,
    Measurement,
    Metric,
    Rating,
    Scores,
    Subject,
    Watch,
    otherwise,
    unwatched,
)
from parts.metrics.votes import score_bradley_terry, score_elo, score_lc_win_rate, score_win_rate
from parts.names import HUB_ID, KNOWN_BY, given_id, local_id, parse_checkpoint_name, say_folder
from parts.outgoing import rendered
from parts.outputs import take_away
from parts.own_function import read_own_function
from parts.private import shown_name, shown_path
from parts.records.schema import strings
from parts.tables import pipe_table

if TYPE_CHECKING:
    import numpy as np

PESQ_MODES = {8_000: "nb", 16_000: "wb"}  # ITU-T P.862 and P.862.2
# The lowest MOS-LQO: of a raw score of -0.5 by the mappings of P.862.1 and P.862.2.
SILENT = {
    8_000: 0.999 + 4 / (1 + math.exp(1.4945 * 0.5 + 4.6607)),
    16_000: 0.999 + 4 / (1 + math.exp(1.3669 * 0.5 + 3.8224)),
}


def apply_metric(metric: Metric, items: Sequence[Item], choices: Choices) -> Measurement:
    """A metric over the items of its family; the unparsed ones are left out, or the worst answers when asked for."""
    as_wrong = choices.unparsed_as_wrong and metric.worst
    unparsed = [item for item in items if item.value is None]
    kept = list(items) if as_wrong else [item for item in items if item.value is not None]
    if not kept:
        raise ScriptError(f"{metric.name}: none of the {len(items)} predictions could be parsed, so there is no score")
    base = metric.name.partition("@")[0]
    score = score_custom if metric.family == "any" else SCORERS[base]
    scores = score(kept, metric, choices)
    if not math.isfinite(scores.value):
        raise ScriptError(f"{metric.name} is not defined on these predictions (it is {scores.value})")
    right = {item.line for item, value in zip(scores.items, scores.values, strict=True) if value == 1}
    notes = [*scores.notes, *(odd_text_lines(kept, metric, right) if metric.family == "text" else [])]
    if metric.name in COMPARED and (alike := as_references_write(kept, right)):
        value = score(alike, metric, choices).value
        details = otherwise(value, "with answers that differ in their writing alone counted as right")
        scores = replace(scores, details={**scores.details, **details})
    if unparsed and choices.unparsed_as_wrong and not metric.worst:
        notes.append(
            f"{metric.name} has no wrong answer: {len(unparsed)} unparsed ones are left out in spite of the option"
        )
    if scores.reasons:
        first = scores.reasons[min(scores.reasons)]
        notes.append(f"{metric.name}: {len(scores.reasons)} of {len(scores.items)} items are not scored: {first}")
    scores = replace(scores, notes=notes)
    left = () if as_wrong else of_same_system(unparsed, scores)
    if metric.aggregation == "mean" and unequal_attempts([*scores.items, *left]):
        scores, left = put_together(scores, left)
    if scores.formula and left and metric.worst:
        context = kept if scores.formula in ("f1", "f1_macro", "mcc") else kept[:1]  # which says what the classes are
        with contextlib.suppress(ScriptError):  # an item without what the metric needs has none
            worst = score([*context, *left], metric, replace(choices, draws=0, watch=unwatched)).statistics
            scores = replace(scores, empty=worst[len(context) :])
    return Measurement(metric, scores, left, len(unparsed) if as_wrong else 0)


def of_same_system(unparsed: Sequence[Item], scores: Scores) -> list[Item]:
    """The missing ratings of the system that was scored; all of them where ratings are of no system or of several."""
    systems = {item.value.system for item in scores.items if isinstance(item.value, Rating)}
    if len(systems) != 1:
        return list(unparsed)
    return [item for item in unparsed if dict(item.more).get("system") in (None, *systems)]


def score_custom(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of what the user's function gives; None is an item without a score."""
    values, reasons = [], {}
    for i, item in enumerate(choices.watch(items, metric.name)):
        value = choices.custom.function(dict(item.value))
        if value is None:
            reasons[i] = "the function gave None"
        elif not isinstance(value, int | float) or not math.isfinite(value):
            raise ScriptError(f"line {item.line}: --custom-metric gave {value!r}, not a finite number or None")
        elif clipped(value, metric.low, metric.high) != value:
            raise ScriptError(f"line {item.line}: --custom-metric gave {value!r}, outside its MIN_SCORE and MAX_SCORE")
        values.append(math.nan if value is None else float(value))
    return mean_scores(values, items, metric, reasons=reasons, parameters=choices.custom.parameters)


NO_COLUMNS = Columns()
# Fields of a table that are numbers or truth values; all others are texts, whatever they look like.
NUMBER_FIELDS = {"score", "rating", "n", "c", "passed", "probability", "preference", "length_a", "length_b"}
LIST_FIELDS = {"references", "ratings", "probabilities", "ranked", "relevant", "passed"}
MOST_BAD_LINES = 10_000  # bad lines that are counted; a file with more is another kind of file
MISSING_FIELDS = {"rating", "score", "probability", "passed", "preference"}


def read_predictions(
    path: Path,
    watch: Watch = unwatched,
    judged: Path | None = None,
    columns: Columns = NO_COLUMNS,
    references: Path | None = None,
) -> tuple[list[Line], str]:
    """The lines of a predictions file and its SHA-256; ScriptError with the numbers of the bad ones, or with the
    columns that are wanted where none of them is there.

    judged: TREC's judgements; the file is a TREC run then, and the SHA-256 of both; so with references of their own.
    """
    content = input_bytes(path, MAX_SAMPLES)
    if judged is not None:
        relevant = input_bytes(judged, MAX_SAMPLES)
        try:
            rows = trec_rows(content.decode(), relevant.decode())
        except UnicodeDecodeError as error:
            raise ScriptError("no TREC file in UTF-8") from error
        lines = [Line(i, row["id"], row) for i, row in enumerate(rows, start=1)]
        return lines, hashlib.sha256(content + relevant).hexdigest()
    lines, problems, seen, tried, bare, digest = [], [], {}, Counter(), [], hashlib.sha256(content)
    if content[:2] == b"\x1f\x8b":
        raise ScriptError("packed: unpack it first, or several: (for f in *.gz; do zcat $f; echo; done) > all.jsonl")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        form = path.suffix if re.fullmatch(r"\.[a-z]{2,5}", path.suffix) else ".jsonl"
        converted = command_line_of(["iconv", "-f", "UTF-16", "-t", "UTF-8", path])
        raise ScriptError(f"in UTF-16; UTF-8 is read: {converted} > utf8{form}")
    if path.suffix.lower() in (".yaml", ".yml"):
        raise ScriptError("YAML; JSON Lines are read: an object in each line")
    if references is not None:
        content, more, columns = joined_files(path, content, references, columns)
        digest.update(more)
        path = path.with_suffix(".jsonl")
    columns = of_one_system(path, content, columns)
    if path.suffix.lower() in (".csv", ".tsv"):
        return table_lines(path, content, columns), digest.hexdigest()
    for index, value in values_of(path, content.removeprefix(b"\xef\xbb\xbf"), watch):
        try:
            fields = value if path.suffix == ".json" else strict_json_line(value)
            if not is_read(fields, columns):
                continue
            fields = with_own_id(renamed(fields, columns.mapped), tried)
            if isinstance(fields, dict) and "id" not in fields:
                bare.append((index, fields))
                continue
            lines.append(check_line(fields, seen, index))
        except json.JSONDecodeError as error:
            problems.append((index, why_no_json(value, error)))
        except ValueError as error:
            problems.append((index, single_line(error)))
        if len(problems) >= MOST_BAD_LINES:
            break
    if bare and not lines and not problems and goes_by_place([fields for _, fields in bare], columns):
        bare = [(index, {"id": str(place), **fields}) for place, (index, fields) in enumerate(bare, start=1)]
    for index, fields in bare:
        try:
            lines.append(check_line(fields, seen, index))
        except ValueError as error:
            problems.append((index, single_line(error)))
    problems.sort()
    check_wanted(path, content, lines, problems, columns)
    lines = with_vote_roles(lines, columns.mapped) if "votes" in columns.families else lines
    check_problems(problems or [*ungrouped(lines), *other_prompts(lines)])
    if not lines:
        raise ScriptError("no predictions in it; one JSON object in each line is expected")
    return lines, digest.hexdigest()


def values_of(path: Path, content: bytes, watch: Watch) -> Iterator[tuple[int, Any]]:
    """(number from 1, text) of each line that is not blank; of a .json file (number, value) of each row."""
    if path.suffix == ".json":
        try:
            yield from enumerate(rows_of_document(strict_json(content)), start=1)
        except ValueError as error:
            raise ScriptError(single_line(error)) from error
        return
    for index, text in enumerate(watch(content.split(b"\n"), "reading"), start=1):
        if text and not text.isspace():
            yield index, text


def table_lines(path: Path, content: bytes, columns: Columns = NO_COLUMNS) -> list[Line]:
    """The rows of a CSV or TSV file as lines, but blank ones: an empty cell is absent (of a rating, a score: missing),
    and a row without an id has its number, but in a table with a column that may be the id: which is asked."""
    lines, problems, seen, ids = [], [], {}, defaultdict(set)
    try:
        text = content.decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        check_head(path, rows.fieldnames or ())
        for row in sheet_lines(rows):
            if not any(cell if isinstance(cell, list) else (cell or "").strip() for cell in row.values()):
                continue  # as spreadsheets leave them below a table
            try:
                if None in row or None in row.values():
                    raise ValueError(f"{len(rows.fieldnames or ())} cells are expected, as in the first line")
                if not is_read(row, columns):
                    continue
                row = renamed(row, columns.mapped)
                row = listening_row(row)
                fields = {name: table_value(name, cell) for name, cell in row.items() if cell or name in MISSING_FIELDS}
                if row.get("prediction") == "":
                    fields["prediction"] = "" if columns.empty == "answer" else None
                for name in row:
                    if name.strip().casefold().endswith("id") and name not in READ_FIELDS and row[name]:
                        ids[name].add(row[name])
                lines.append(check_line({"id": str(len(lines) + len(problems) + 1), **fields}, seen, rows.line_num))
            except ValueError as error:
                problems.append((rows.line_num, single_line(error)))
                if len(problems) >= MOST_BAD_LINES:
                    break
    except UnicodeDecodeError as error:
        raise ScriptError(f"no table in UTF-8: {single_line(error)}") from error
    except csv.Error as error:
        raise ScriptError(f"line {rows.line_num}: {single_line(error)}") from error
    if lines and not {"id", "item"} & {*(rows.fieldnames or ()), *columns.mapped, *lines[0].fields.keys() - {"id"}}:
        columns = columns._replace(ids=tuple(name for name, own in ids.items() if len(own) == len(lines)))
    check_wanted(path, content, lines, problems, columns)
    lines = with_vote_roles(lines, columns.mapped) if "votes" in columns.families else lines
    check_problems(problems or ungrouped(lines))
    if not lines:
        raise ScriptError("no rows below the table's head")
    return lines


def check_head(path: Path, names: Sequence[str]) -> None:
    """ScriptError for a table with two columns of one name, or with columns that are parted by something else."""
    try:
        check_columns(path, names)
    except ScriptError as error:
        raise ScriptError(str(error).removeprefix(f"{path}: ")) from error
    if len(names) == 1 and (other := next((mark for mark in (";", "\t", "|", ",") if mark in names[0]), None)):
        raise ScriptError(f"its columns are parted by {other!r}: .csv has commas (and 3.5 for 3,5), .tsv tabs")


def table_value(name: str, cell: str) -> Any:
    """A cell: a number or truth value where the field is one, else its text."""
    if not cell:
        return None
    if not isinstance(cell, str):
        return cell  # of several columns
    if name in NUMBER_FIELDS:
        with contextlib.suppress(ValueError):
            return json.loads(cell.strip().lower())
    if name in LIST_FIELDS and cell.lstrip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError, ScriptError):
            return strict_json(cell)
    return cell


def why_no_json(text: bytes, error: Exception) -> str:
    """What is wrong with a line that is no JSON."""
    number = re.search(rb"[:\[,]\s*(-?(?:NaN|Infinity))\b", text)
    if number:
        return f"{number[1].decode()} is no JSON number; write null for a value that is missing"
    return f"not valid JSON: {error}"


def read_subject(model: str | None, model_id: str | None) -> Subject:
    """The model: a checkpoint folder with the hash of its weights, or an id."""
    if model is None and not model_id:
        raise ScriptError("whose predictions are these? --model-id ID, or --model with the checkpoint's folder")
    folder = Path(model) if model else None
    if folder is None or not folder.is_dir():
        if model and not HUB_ID.fullmatch(model):
            raise ScriptError(f"--model {model}: neither a folder nor a Hub id")
        return Subject(given_id(single_line(model_id or model)), {})
    folder = Path(os.path.abspath(folder))
    try:
        digest = weights_sha256(folder)
    except ScriptError as error:
        raise ScriptError(f"--model {model}: {error}") from error
    found = parse_checkpoint_name(folder.name)
    details = {"checkpoint": folder.name, "step": found and found[0], "path": shown_path(folder)}
    return Subject(
        given_id(single_line(model_id)) if model_id else local_id(folder), strings(details | {"weights_sha256": digest})
    )


def read_custom_metric(path: str) -> CustomMetric:
    """The one public function of a Python file, and its constants: UNIT, LOWER_IS_BETTER, MIN_SCORE, MAX_SCORE; of a
    judge GRADER_MODEL and GRADER_SETTINGS."""
    function, namespace, source = read_own_function("--custom-metric", path)
    low, high = namespace.get("MIN_SCORE"), namespace.get("MAX_SCORE")
    if not all(end is None or is_finite(end) for end in (low, high)):
        raise ScriptError(f"--custom-metric {path}: MIN_SCORE or MAX_SCORE is no number")
    name = slug(Path(path).stem)
    unit, lower = str(namespace.get("UNIT", "points")), bool(namespace.get("LOWER_IS_BETTER", False))
    metric = Metric(name, name, "any", unit, low, high, lower)
    judge, how = namespace.get("GRADER_MODEL"), namespace.get("GRADER_SETTINGS")
    if how and not judge:
        raise ScriptError(f"--custom-metric {path}: GRADER_SETTINGS without GRADER_MODEL: which model is the judge?")
    parameters = {"file_sha256": hashlib.sha256(source.encode()).hexdigest()}
    parameters |= {"grader_model": single_line(judge)} if judge else {}
    parameters |= {"grader_settings": json.dumps(how, sort_keys=True, default=str)} if how else {}
    return CustomMetric(metric, function, parameters)


def read_wav(path: Path, folder: Path, line: int) -> tuple[int, np.ndarray]:
    """(samples in a second, samples of -1 to 1) of a mono WAV file below a folder; ScriptError naming the line."""
    import numpy as np
    from scipy.io import wavfile

    try:
        if not inside(path, folder):
            raise ScriptError(f"{path}: outside the folder of the predictions: copy it there")
        with open_input(path) as file:
            rate, samples = wavfile.read(file)
    except ScriptError as error:
        raise ScriptError(f"line {line}: {single_line(error)}") from error
    except Exception as error:  # whatever a damaged file makes scipy say
        why = f"{single_line(error)}; WAV files of PCM or float samples are read: ffmpeg -i {path.name} OUT.wav"
        raise ScriptError(f"line {line}: {path}: {why}") from error
    if samples.ndim != 1:
        raise ScriptError(
            f"line {line}: {path}: {samples.shape[1]} channels, one is expected: which one, or their mean?"
        )
    if samples.dtype == np.uint8:  # 8-bit WAV has its zero at 128
        samples = samples.astype(float) / 128 - 1
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / (np.iinfo(samples.dtype).max + 1)
    return int(rate), samples.astype(float)


def speech_measure(name: str) -> Callable[[int, np.ndarray, np.ndarray], float]:
    """PESQ, STOI or extended STOI as a function of (rate, reference, degraded)."""
    try:
        if name == "pesq":
            import pesq

            return lambda rate, clean, noisy: float(pesq.pesq(rate, clean, noisy, PESQ_MODES[rate]))
        import pystoi
    except ImportError as error:
        command = started_with("pesq", "pystoi")
        raise ScriptError(f"{name} needs a package that is asked for by name: {command}") from error
    return lambda rate, clean, noisy: float(pystoi.stoi(clean, noisy, rate, extended=name == "estoi"))


def score_speech(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean over pairs of recordings of equal length and rate; nothing is cut, resampled or mixed down.

    A silent output is a failed synthesis and has the lowest score that there is: left out, it would raise the mean.
    """
    measure_pair = speech_measure(metric.name)
    values, reasons, rates, silent = [], {}, set(), []
    for i, item in enumerate(choices.watch(items, metric.name.upper())):
        (rate, noisy), (clean_rate, clean) = (read_wav(path, choices.folder, item.line) for path in item.value)
        if rate != clean_rate or len(noisy) != len(clean):
            raise ScriptError(
                f"line {item.line}: the recordings differ: {rate} and {clean_rate} Hz, "
                f"{len(noisy)} and {len(clean)} samples"
            )
        if metric.name == "pesq" and rate not in PESQ_MODES:
            raise ScriptError(
                f"line {item.line}: {rate} Hz; PESQ is defined for 8000 (narrow band) and 16000 (wide band)"
            )
        rates.add(rate)
        if not is_silent(clean) and is_silent(noisy):
            silent.append(item.id)
            values.append(SILENT[rate] if metric.name == "pesq" else 0.0)
            continue
        value, reason = judged_pair(measure_pair, rate, clean, noisy)
        values.append(value)
        reasons |= {} if reason is None else {i: reason}
    if metric.name == "pesq" and len(rates) > 1:
        raise ScriptError("pesq: files of 8000 and of 16000 Hz; narrow and wide band are two scales, score them apart")
    mode = PESQ_MODES[rates.pop()] if metric.name == "pesq" else None
    notes = [f"{metric.name}: {len(silent)} silent outputs count as failed, with the lowest score"] if silent else []
    more = {"reasons": reasons, "parameters": {"mode": mode}, "details": {"silent": len(silent)}, "notes": notes}
    return mean_scores(values, items, metric, **more)


def is_silent(samples: np.ndarray) -> bool:
    """Whether nothing is to be heard: all samples alike, of whatever value."""
    return not len(samples) or bool((samples == samples[0]).all())


def judged_pair(
    measure_pair: Callable[[int, np.ndarray, np.ndarray], float], rate: int, clean: np.ndarray, noisy: np.ndarray
) -> tuple[float, str | None]:
    """The value of a pair, or why it has none; pystoi tells by a warning that there is too little speech."""
    import warnings

    import numpy as np

    if is_silent(clean):
        return math.nan, "the reference is silent"
    for name, samples in (("reference", clean), ("output", noisy)):
        if not np.isfinite(samples).all():
            return math.nan, f"the {name} has samples that are not numbers"
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            value = measure_pair(rate, clean, noisy)
        except (RuntimeWarning, RuntimeError, ValueError, ArithmeticError, IndexError) as error:
            return math.nan, single_line(error)[:160] or type(error).__name__
    return (value, None) if math.isfinite(value) else (math.nan, "no finite value")


def fetched_classifier(name: str) -> Path:
    """The folder of a classifier of the Hub: one commit, with weights in one form."""
    from huggingface_hub import snapshot_download

    others = ["*.h5", "*.msgpack", "*.ot", "*.onnx", "*.gguf", "*.pt", "*.pth", "*/*"]
    folder = Path(snapshot_download(name, ignore_patterns=[*others, "*.bin"]))
    if not any((folder / file).is_file() for file in WEIGHT_FILES if ".safetensors" in file):
        folder = Path(snapshot_download(name, revision=folder.name, ignore_patterns=others))
    return folder


def open_classifier(name: str | None) -> tuple[Any, dict[str, str]]:
    """A text classification pipeline that gives the scores of all labels, and the hashes of what it is."""
    if not name:
        raise ScriptError("toxicity: by which classifier? --classifier with a folder or a Hub id")
    refuse_libraries()
    say_folder(name)
    try:
        import transformers
    except ImportError as error:
        command = started_with("transformers", "torch")
        raise ScriptError(f"toxicity needs packages that are asked for by name: {command}") from error
    folder = Path(name).expanduser()
    if not folder.is_dir() and not KNOWN_BY.fullmatch(name):
        raise ScriptError(f"--classifier {name}: no such folder, and no Hub id OWNER/NAME")
    keep_token_home()
    transformers.utils.logging.set_verbosity_error()
    try:
        place = Path(os.path.realpath(folder)) if folder.is_dir() else fetched_classifier(name)
        if is_adapter(place):
            raise ScriptError("an adapter, which would load its base from elsewhere: merge it into that first")
        classify = transformers.pipeline(
            "text-classification", model=str(hashed_files_only(place)), top_k=None, trust_remote_code=False
        )
        return classify, {"classifier_weights": weights_sha256(place), "classifier_files": model_files_sha256(place)}
    except ScriptError as error:
        raise ScriptError(f"--classifier {name}: {error}", error.code) from error
    except Exception as error:  # whatever a model's files or the network make transformers say
        raise ScriptError(f"--classifier {name}: {type(error).__name__}: {single_line(error)[:200]}") from error


def score_toxicity(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of the texts that a classifier finds toxic: its probability of the label is at least --threshold."""
    classify, hashes = open_classifier(choices.classifier)
    label = toxic_label(list(classify.model.config.id2label.values()), choices.toxic_label)
    limit = min(classify.tokenizer.model_max_length, getattr(classify.model.config, "max_position_embeddings", 10**9))
    chances, cut = [], 0
    for item in choices.watch(items, "toxicity"):
        cut += len(classify.tokenizer(item.value)["input_ids"]) > limit
        try:
            found = classify([item.value], truncation=True, max_length=limit)[0]
        except Exception as error:  # whatever a model makes of a text
            raise ScriptError(f"line {item.line}: {type(error).__name__}: {single_line(error)[:200]}") from error
        chances.append(next(row["score"] for row in found if row["label"] == label))
    details = {"mean_probability": math.fsum(chances) / len(chances), "cut_to_fit": cut}
    parameters = {"classifier": shown_name(choices.classifier), **hashes}
    parameters |= {"label": label, "threshold": choices.threshold}
    values = [float(chance >= choices.threshold) for chance in chances]
    return mean_scores(values, items, metric, details=details, parameters=parameters)


def toxic_label(labels: Sequence[str], wanted: str | None) -> str:
    """The classifier's label that counts: the one asked for, else toxic or toxicity. ScriptError 3: which?"""
    known = {"toxic", "toxicity"} if wanted is None else {wanted.lower()}
    found = [label for label in labels if label.lower() in known]
    if len(found) != 1:
        raise ScriptError(
            f"toxicity: which label of the classifier? --toxic-label with one of {listing(labels, 20)}", code=3
        )
    return found[0]


SCORERS: dict[str, Callable[[Sequence[Item], Metric, Choices], Scores]] = {
    "accuracy": score_accuracy,
    "exact-match": score_exact_match,
    **dict.fromkeys(("f1-binary", "f1-macro", "f1-micro"), score_f1),
    "f1-token": score_token_f1,
    "bleu": score_bleu,
    **dict.fromkeys(("chrf", "chrf++"), score_chrf),
    **dict.fromkeys(("rouge-1", "rouge-2", "rouge-l", "rouge-lsum"), score_rouge),
    **dict.fromkeys(("wer", "cer"), score_error_rate),
    "ter": score_ter,
    "mcc": score_matthews,
    **dict.fromkeys(("pearson", "spearman", "kendall"), score_correlation),
    **dict.fromkeys(("auroc", "average-precision"), score_separation),
    "pass": score_pass_at_k,
    **dict.fromkeys(NORMS, score_calibration),
    "brier": score_brier,
    "log-loss": score_log_loss,
    **dict.fromkeys(("ndcg", "recall", "mrr", "map", "precision"), score_ranking),
    "mos": score_mos,
    "mushra": score_mushra,
    "krippendorff": score_krippendorff,
    "win-rate": score_win_rate,
    "lc-win-rate": score_lc_win_rate,
    "bradley-terry": score_bradley_terry,
    "elo": score_elo,
    **dict.fromkeys(("pesq", "stoi", "estoi"), score_speech),
    "toxicity": score_toxicity,
}


def write_lines(path: Path, lines: Iterable[bytes]) -> tuple[str, int]:
    """Write a file whole or not at all, line by line; its SHA-256 and the number of lines."""
    digest, count = hashlib.sha256(), 0
    with whole_file(path) as file:
        for line in lines:
            file.write(line)
            digest.update(line)
            count += 1
    return digest.hexdigest(), count


def save_record(output: Path, run: Evaluation, measurements: Sequence[Measurement], choices: Choices) -> Path:
    """Write the samples and then their record, so that a record is never without them; neither, if one fails."""
    name = str(uuid.uuid4())
    folder = Path("data") / slug(run.benchmark) / slug(run.subject.developer) / slug(run.subject.name)
    record = record_of(run, measurements)
    samples = output / folder / f"{name}_samples.jsonl"
    lines = (line for measurement in measurements for line in sample_lines(run, record, measurement, choices))
    checksum, count = write_lines(samples, lines)
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (folder / samples.name).as_posix(),
        "hash_algorithm": "sha256",
        "checksum": checksum,
        "total_rows": count,
    }
    path = output / folder / f"{name}.json"
    try:
        write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    except BaseException:
        take_away(samples)
        raise
    return path


def table_for(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: by rich on a terminal, in Markdown in a pipe."""
    if not sys.stdout.isatty():
        return pipe_table(header, rows)
    from rich.table import Table
    from rich.text import Text

    table = Table(*header)
    for row in rows:
        table.add_row(*map(Text, map(single_line, row)))
    return rendered(table)
