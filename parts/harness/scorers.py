"""Who scored: the metric with its options, its filter, the code of it, the judge that it asks.

Takes what lm-eval and lighteval print of a task's metrics, in their result files as in a run of ours, so that a record
of ours and a converted one say the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from parts.formats.values import as_detail, rows_of, whole
from parts.frame import single_line
from parts.records.schema import strings

LM_EVAL_METRIC_KEYS = {"metric", "aggregation", "higher_is_better"}
LM_EVAL_GENERATION = {"temperature", "max_gen_toks", "max_new_tokens", "max_tokens", "max_length", "top_p", "top_k"}
CODE = re.compile(r"\s*(?:@[^\n]*\n\s*)*(?:async\s+)?def\s+(\w+)\s*\(")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# lm-eval's filters that look at each answer alone; any other may join the answers to an item, as a vote does.
LM_EVAL_EACH = {"regex", "regex_pos", "remove_whitespace", "lowercase", "uppercase", "map", "multi_choice_regex"}
LM_EVAL_EACH |= {"format_span", "decontaminate"}
LIGHTEVAL_JUDGES = (
    re.compile(r"Model: ([\w./:@-]+), Judge Backend"),
    re.compile(r"(?:judge_model_name|judge_model|model_name)['\"]?\s*[=:]\s*['\"]?(?!None\b)([\w./:-]+)"),
    re.compile(r"short_judge_name['\"]?\s*[=:]\s*['\"]?(?!None\b)([\w./:-]+)"),
)


def scorer_texts(scorer: Mapping[str, Any]) -> dict[str, str]:
    """Who scored, as the details of a record's metric_config."""
    return strings({name: as_detail(value) for name, value in scorer.items()})


def function_name(text: Any) -> str | None:
    """The name of a function of which lm-eval wrote the source text; None for anything else."""
    found = CODE.match(text) if isinstance(text, str) else None
    return found[1] if found else None


def lm_eval_metric_row(config: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """What a task's configuration says of a metric; of a function of its own it has the source text for a name."""
    rows = rows_of(config.get("metric_list"))
    return next((row for row in rows if metric in (row.get("metric"), function_name(row.get("metric")))), {})


def lm_eval_scorer(config: Mapping[str, Any], metric: str, chosen: str | None) -> dict[str, Any]:
    """Who scores: the metric with its options, behind a filter with its own, and the hash of the task's own code."""
    if not config:
        return {}
    row = lm_eval_metric_row(config, metric)
    options = {name: value for name, value in row.items() if name not in LM_EVAL_METRIC_KEYS}
    steps = next((each for each in rows_of(config.get("filter_list")) if each.get("name") == chosen), {})
    filters = steps.get("filter")
    code = [config.get("process_results"), row.get("metric"), row.get("aggregation")]
    code = [text for text in code if function_name(text)]
    return {
        "scorer": metric,
        "scorer_settings": options or None,
        "scorer_code_sha256": hashlib.sha256("\n".join(code).encode(errors="replace")).hexdigest() if code else None,
        "filter_settings": filters if filters and chosen != "none" else None,
        "answers_joined": lm_eval_joined(rows_of(filters), whole(config.get("repeats")) or 1),
    }


def lm_eval_joined(steps: Sequence[Mapping[str, Any]], repeats: int) -> int | None:
    """How many answers to an item a filter makes one of; None where it takes the first, keeps all, or there is one.

    take_first_k of 8, then majority_vote: the vote of 8, however many there are; without take_first_k: of all.
    """
    count = repeats
    for step in steps:
        if step.get("function") == "take_first":
            return None
        if step.get("function") == "take_first_k":
            count = min(count, whole(step.get("k")) or count)
        elif step.get("function") not in LM_EVAL_EACH:
            return count if count > 1 else None
    return None


def lighteval_scorer(metric: Mapping[str, Any]) -> dict[str, Any]:
    """Who scores: the function of a metric as the configuration prints it; the model that a judge asks."""
    rule = metric.get("sample_level_fn")
    if not isinstance(rule, str):
        return {}
    rule = ADDRESS.sub("", rule)
    bare = re.match(r"<?([\w.]+)( object>)?", rule)
    judges = (pattern.search(rule) for pattern in LIGHTEVAL_JUDGES) if "judge" in rule.lower() else ()
    return {
        "scorer": bare[1].rsplit(".", 1)[-1] if bare else single_line(rule)[:80],
        "scorer_settings": None if bare and bare[0] == rule else rule,
        "grader_model": next((found[1] for found in judges if found), None),
    }


def lighteval_metric_scorer(metric: Any) -> dict[str, Any]:
    """Who scores in a run of ours: as above, and of a judge its settings and the hash of the code of its prompt."""
    rule = metric.sample_level_fn
    try:
        found = lighteval_scorer({"sample_level_fn": getattr(rule, "__name__", None) or str(rule)})
    except AttributeError:  # lighteval prints a rule by the names of its functions, which not all have
        found = {"scorer": type(rule).__name__}
    judge = (
        next((value for value in vars(rule).values() if is_judge(value)), None) if hasattr(rule, "__dict__") else None
    )
    if judge is None:
        return found
    options = {name: getattr(judge, name, None) for name in ("backend", "hf_provider", "max_tokens", "backend_options")}
    code = [source_text(getattr(judge, name, None)) for name in ("template", "process_judge_response")]
    return {
        **found,
        "grader_model": str(judge.model),
        "grader_settings": {name: value for name, value in options.items() if value},
        "grader_prompt_hash": hashlib.sha256("\n".join(code).encode()).hexdigest()[:16] if any(code) else None,
    }


def is_judge(value: Any) -> bool:
    """Whether a part of a metric is one of lighteval's judges."""
    return isinstance(getattr(value, "model", None), str) and hasattr(value, "process_judge_response")


def source_text(function: Any) -> str:
    """The code of a function; nothing where there is none to read."""
    from inspect import getsource

    try:
        return getsource(function)
    except (TypeError, OSError):
        return ""
