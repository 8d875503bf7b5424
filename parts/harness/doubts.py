"""What a person would say of a score on seeing how it was made: facts of its items, and sentences about records.

Takes prompts and log-likelihoods while a task is measured, and gives details for its record; takes records, and gives
lines that stand below the table of scores.
"""

from __future__ import annotations

import collections
import math
import operator
import statistics
from collections.abc import Sequence
from typing import Any

from parts.frame import count_in
from parts.harness.vocabulary import Finished, model_label

UNPARSED = "[invalid]"  # what lm-eval's filters leave of an answer in which they find nothing
FEWEST_ITEMS = 20  # from which on a score at chance says something
IMPROBABLE = 0.01  # of four letters, in half of the items even for the likeliest choice
LETTERS_OF_TOKEN = 4
DOUBTFUL_SHARE = 0.1  # of answers that are empty, cut off or unreadable
ADVICE = {
    "empty": "empty (a model without chat template may need a cue at the end of the prompt)",
    "truncated": "cut off at the token limit",
    "truncated_prompts": "to prompts that lost their beginning (--max-model-len)",
    "unparsed": "without an answer that could be read",
}


def likeliest(logprobs: Sequence[float], choices: Sequence[str]) -> float:
    """The probability of the most likely choice, for about a token of it (four letters)."""
    if max(map(len, choices)) <= LETTERS_OF_TOKEN:  # nearly always
        return math.exp(max(logprobs))
    lengths = [max(1.0, len(choice.strip()) / LETTERS_OF_TOKEN) for choice in choices]
    return math.exp(max(map(operator.truediv, logprobs, lengths)))


def item_details(prompts: Sequence[str], choices: Sequence[int] = (), chances: Sequence[float] = ()) -> dict[str, str]:
    """Details for a record: how many prompts differ, where some are the same; of choices, chance and probability."""
    different = len(set(prompts))
    found = {"different_prompts": str(different)} if different < len(prompts) else {}
    if choices and min(choices) > 1:
        found["chance"] = f"{statistics.fmean(1 / count for count in choices):.4g}"
    if chances:
        found["likeliest_choice"] = f"{statistics.median(chances):.3g}"
    return found


def scored_and_all(result: dict[str, Any]) -> tuple[int, int]:
    """(items that were scored, items that there are)."""
    scored = int((result["score_details"].get("uncertainty") or {}).get("num_samples") or 0)
    source = result["source_data"]
    total = source.get("samples_number") or (source.get("additional_details") or {}).get("samples_number")
    return scored, scored if (count := count_in(str(total))) is None else count


def is_limited(result: dict[str, Any]) -> bool:
    """Whether --limit left items out."""
    limit = (result["generation_config"].get("additional_details") or {}).get("limit")
    scored, total = scored_and_all(result)
    return limit not in (None, "None") and scored < total


def is_at_chance(result: dict[str, Any]) -> bool:
    """Whether a score cannot be told from that of guessing."""
    details, error = result["score_details"].get("details") or {}, result["score_details"].get("uncertainty") or {}
    spread = (error.get("standard_error") or {}).get("value")
    if "chance" not in details or spread is None or scored_and_all(result)[0] < FEWEST_ITEMS:
        return False
    return result["score_details"]["score"] <= float(details["chance"]) + 2 * spread


def doubts(records: Sequence[Finished]) -> list[str]:
    """Lines about scores of a run, one for each kind of doubt and result."""
    results: dict[str, list[tuple[str, dict[str, Any]]]] = collections.defaultdict(list)
    for finished in records:
        for result in finished.record["evaluation_results"]:
            results[result["evaluation_result_id"]].append((model_label(finished.record), result))
    return [line for name, rows in results.items() for line in doubts_of_result(name, rows)]


def doubts_of_result(name: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Lines about one result of all models."""
    found, first = [], rows[0][1]
    details = [result["score_details"].get("details") or {} for _, result in rows]
    limited = [scored_and_all(result) for _, result in rows if is_limited(result)]
    if limited:
        found.append(f"{name}: over {limited[0][0]} of {limited[0][1]} items (--limit): a smoke test, no result")
    if all(is_at_chance(result) for _, result in rows):
        who = "every model is" if len(rows) > 1 else f"{rows[0][0]} is"
        found.append(
            f"{name}: {who} at chance ({details[0]['chance']}): are prompts, spaces and answers as they were meant?"
        )
    likely = [float(row["likeliest_choice"]) for row in details if "likeliest_choice" in row]
    if likely and max(likely) < IMPROBABLE:
        found.append(
            f"{name}: every choice is improbable (the likeliest of an item: {max(likely):.2g} a token): a space before "
            "the choices that is missing, or doubled?"
        )
    if "different_prompts" in details[0]:
        items, prompts = scored_and_all(first)[0], details[0]["different_prompts"]
        found.append(f"{name}: {items} items, different prompts: {prompts}: the error (±) counts prompts")
    for count, words in ADVICE.items():
        most = max(
            (
                (int(row.get(count) or 0), scored_and_all(result)[0])
                for row, (_, result) in zip(details, rows, strict=True)
            ),
            key=lambda pair: pair[0],
        )
        if most[0] > DOUBTFUL_SHARE * most[1]:
            found.append(f"{name}: up to {most[0]} of {most[1]} answers {words}")
    return found
