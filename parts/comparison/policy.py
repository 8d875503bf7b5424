"""Policies: limits, tiers, metrics, checked field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from parts.comparison.amounts import AMOUNT_WORDS, is_amount, share_in
from parts.comparison.chosen_items import ChosenItems, read_excluded
from parts.comparison.vocabulary import REPORT, UNDECIDED_WAYS, Limits, Policy
from parts.fields import (
    COUNT,
    MAPPING,
    TEXT,
    TEXTS,
    YES_OR_NO,
    Shape,
    check_fields,
    choice_shape,
    number_shape,
    without_nulls,
)
from parts.frame import ScriptError

RULES = ("release", "finetune", "select")
CHOOSE = "choose"  # which of several: no policy has it, for it gates nothing
TIERS = ("critical", "supporting", "advisory", REPORT)


VERSIONS = Shape(
    'a mapping of harness to version in quotes, such as {lighteval: "0.13.*"}',
    lambda value: isinstance(value, dict) and all(isinstance(v, str) for kv in value.items() for v in kv),
)


def or_percent(shape: Shape) -> Shape:
    """A shape that a share may have as "5 %" as well."""
    return Shape(f'{shape.words}, or "5 %"', lambda v: shape.fits(v if share_in(v) is None else share_in(v)))


DROP = Shape(
    "a share of at least 0 and below 1 (one point, or one percent, is 0.01)",
    lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 1,
)
GAIN = number_shape(0, 1)
RELATIVE = {"max_relative_drop": DROP, "min_relative_gain": number_shape(0, math.inf)}
DROP_OR_AMOUNT, GAIN_OR_AMOUNT = (
    Shape(
        f"{shape.words}, or {AMOUNT_WORDS}",
        lambda v, s=shape: is_amount(v) or s.fits(v if share_in(v) is None else share_in(v)),
    )
    for shape in (DROP, GAIN)
)
REQUIRED = ("hash", "samples")
UNDECIDED_SHAPE = Shape(
    f"{', '.join(UNDECIDED_WAYS)}, or one of these for each tier: {{critical: ask, supporting: pass}}",
    lambda value: (
        value in UNDECIDED_WAYS
        if isinstance(value, str)
        else isinstance(value, dict) and all(tier in TIERS and way in UNDECIDED_WAYS for tier, way in value.items())
    ),
)
LIMIT_FIELDS: dict[str, Shape] = {
    "tier": choice_shape(*TIERS),
    "max_drop": DROP_OR_AMOUNT,
    **{name: or_percent(shape) for name, shape in RELATIVE.items()},
    "relative_guard_below": number_shape(0, 1),
    "min_gain": GAIN_OR_AMOUNT,
    "min_items": COUNT,
    "metric": TEXT,
    "direction": choice_shape("higher_is_better", "lower_is_better"),
    "note": TEXT,
}
POLICY_FIELDS: dict[str, Shape] = {
    "version": Shape("1", lambda value: value == 1 and not isinstance(value, bool)),
    "rule": choice_shape(*RULES),
    "alpha": number_shape(0.0001, 0.5),
    "power": number_shape(0.5, 0.9999),
    "supporting": choice_shape("block", "warn"),
    "targets": TEXTS,
    "min_better": COUNT,
    "max_invalid": number_shape(0, 1),
    "harness": VERSIONS,
    "cluster_by": TEXT,
    "hardware": TEXT,
    "limitations": TEXTS,
    "defaults": MAPPING,
    "benchmarks": MAPPING,
    "exclude_items": MAPPING,
    "undecided": UNDECIDED_SHAPE,
    "require": Shape(
        f"a list of {' and '.join(REQUIRED)}",
        lambda value: isinstance(value, list) and all(one in REQUIRED for one in value),
    ),
    "require_paired": YES_OR_NO,
    "latest": YES_OR_NO,
}


def parse_policy(content: Any, where: str, benchmark_key: Callable[[str], str]) -> Policy:
    """The policy in a YAML value; ScriptError naming the field that is wrong.

    NeMo Evaluator's gate policies (version, defaults, benchmarks) are a subset. benchmark_key turns a benchmark's name
    into its canonical key.
    """
    if not isinstance(content, dict):
        raise ScriptError(f"{where}: a mapping is expected; references/gates.md has an example")
    check_fields(content, POLICY_FIELDS, where)
    content = without_nulls(content)
    defaults = content.get("defaults", {})
    check_fields(defaults, LIMIT_FIELDS, f"{where}: defaults")
    defaults = without_nulls(defaults)
    benchmarks: dict[str, Limits] = {}
    further: dict[str, tuple[Limits, ...]] = {}
    for name, values in content.get("benchmarks", {}).items():
        own = metrics_of_benchmark(name, values, defaults, where)
        key = benchmark_key(name)
        if key in benchmarks:
            raise ScriptError(f"{where}: benchmarks: {name} and another entry are both {key}")
        benchmarks[key] = own[0]
        further |= {key: tuple(own[1:])} if len(own) > 1 else {}
    own = {
        name: content[name]
        for name in POLICY_FIELDS
        if name in content and name not in ("version", "defaults", "exclude_items")
    }
    own["items"] = ChosenItems(without=read_excluded(content.get("exclude_items", {}), where))
    own |= {name: tuple(own[name]) for name in ("limitations", "require") if name in own}
    if isinstance(own.get("undecided"), str):  # one word for all tiers
        own["undecided"] = dict.fromkeys(TIERS, own["undecided"])
    own |= {"targets": tuple(map(benchmark_key, own["targets"]))} if "targets" in own else {}
    return Policy(**{**own, "defaults": limits_of(defaults), "benchmarks": benchmarks, "further": further})


def metrics_of_benchmark(name: Any, values: Any, defaults: dict[str, Any], where: str) -> list[Limits]:
    """The limits of one benchmark of a policy, one for each metric; ScriptError naming what is wrong."""
    place = f"{where}: benchmarks: {name}"
    own = values if isinstance(values, list) and values else [{} if values is None else values]
    if not isinstance(name, str) or not all(isinstance(one, dict) for one in own):
        raise ScriptError(
            f"{where}: benchmarks: {name!r}: a benchmark's name and a mapping are expected, or a list of one for each "
            "metric: [{metric: bleu}, {metric: chrf}]"
        )
    for one in own:
        if isinstance(one.get("metric"), list):
            each = ", ".join(f"{{metric: {json.dumps(metric)}}}" for metric in one["metric"])
            raise ScriptError(f"{place}: several metrics are a list of mappings: [{each}]")
        check_fields(one, LIMIT_FIELDS, place)
    metrics = [one.get("metric") for one in own]
    if len(own) > 1 and (None in metrics or len(set(metrics)) < len(metrics)):
        raise ScriptError(
            f"{place}: each of several mappings names another metric: [{{metric: bleu}}, {{metric: chrf}}]"
        )
    return [limits_of({**defaults, **without_nulls(one)}) for one in own]


def limits_of(values: Mapping[str, Any]) -> Limits:
    """The limits in a mapping of a policy, relative ones as shares."""
    shares = {name: share for name in RELATIVE if (share := share_in(values.get(name))) is not None}
    return Limits(**{**values, **shares, "in_percent": tuple(shares)})
