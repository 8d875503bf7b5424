"""What the programs in which models judge, or people vote, write: MT-Bench, AlpacaEval, Chatbot Arena.

Takes a row of their files; gives it as a predictions file has it: a rating or a vote with an id, in which the judging
model is, so that what two judges say is never paired. A judgement that failed is a missing one.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

ARENA_HARD = (
    "Arena-Hard's judgements, of which >> counts three times: its show_result.py reads them; here give votes: id, a, "
    "b, winner, group (the question)"
)


def judge_of(fields: Mapping[str, Any]) -> str:
    """The judging model: MT-Bench has it with the name of its prompt."""
    judge = fields.get("judge", fields.get("annotator"))
    return str(judge[0] if isinstance(judge, list) and judge else judge)


def judged_row(fields: Mapping[str, Any], tried: Counter[str]) -> dict[str, Any] | None:
    """A judgement or vote as a row; None for any other row. ValueError for values that none of the programs writes."""
    asked = "/".join(str(fields[name]) for name in ("question_id", "turn") if fields.get(name) is not None)
    if "games" in fields and "question_id" in fields:
        raise ValueError(ARENA_HARD)
    if {"g1_winner", "g2_winner", "model_1", "model_2"} <= fields.keys():
        return mt_bench_pair(fields, asked)
    if {"question_id", "model", "judge", "score", "turn"} <= fields.keys():
        item = f"{asked}/{judge_of(fields)}"
        score = None if fields["score"] == -1 else fields["score"]
        return {"id": f"{item}/{fields['model']}", "item": item, "system": fields["model"], "rating": score,
                "group": str(fields["question_id"])}  # fmt: skip
    if {"generator_1", "generator_2", "preference"} <= fields.keys():
        return alpaca_vote(fields)
    if {"model_a", "model_b", "winner"} <= fields.keys():
        return arena_vote(fields, asked, tried)
    return None


def mt_bench_pair(fields: Mapping[str, Any], asked: str) -> dict[str, Any]:
    """MT-Bench's two games in both orders: who wins both has won, and a game without a verdict is a missing vote."""
    sides, games = ("model_1", "model_2"), [fields["g1_winner"], fields["g2_winner"]]
    if not all(game in (*sides, "tie", "error") for game in games):
        raise ValueError(f"the winners are {str(games)[:60]}, not model_1, model_2, tie or error")
    winner = "a" if games == ["model_1"] * 2 else "b" if games == ["model_2"] * 2 else "tie"
    one, two = (fields[side] for side in sides)
    return {"id": f"{asked}/{judge_of(fields)}/{one}/{two}", "a": one, "b": two, "group": str(fields["question_id"]),
            "winner": None if "error" in games else winner, "orders": "both"}  # fmt: skip


def alpaca_vote(fields: Mapping[str, Any]) -> dict[str, Any]:
    """AlpacaEval's preference: from 1 (output_1) to 2 (output_2), 0 and 1.5 for a draw; which its judge saw first was
    drawn."""
    said = fields["preference"]
    if said is not None and (isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said)):
        raise ValueError(f"preference is {str(said)[:40]!r}, not a number")
    if said is not None and said != 0 and not 1 <= said <= 2:
        raise ValueError(f"preference is {said}; AlpacaEval has 1 to 2, and 0 for a draw")
    share = None if said is None else 0.5 if said == 0 else 2 - said
    prompt, one, two = str(fields.get("instruction") or ""), fields["generator_1"], fields["generator_2"]
    name = hashlib.sha256(prompt.encode(errors="replace")).hexdigest()[:16]
    row = {"id": f"{name}/{judge_of(fields)}/{one}/{two}", "prompt": prompt, "a": one, "b": two, "preference": share}
    row["orders"] = "unknown"
    texts = {f"output_{new}": fields.get(f"output_{old}") for new, old in (("a", 1), ("b", 2))}
    row |= {name: text for name, text in texts.items() if text is not None}
    return row | ({"dataset": fields["dataset"]} if isinstance(fields.get("dataset"), str) else {})


def arena_vote(fields: Mapping[str, Any], asked: str, tried: Counter[str]) -> dict[str, Any]:
    """A vote of Chatbot Arena, or of MT-Bench's people: what it is of, who voted (no judging model), its fields."""
    model = isinstance(fields.get("judge"), list)
    name = "/".join([asked or "vote", *(str(fields[side]) for side in ("model_a", "model_b")), judge_of(fields)])
    tried[name] += 1
    rest = {key: value for key, value in fields.items() if not (model and key == "judge")}
    return rest | {"id": name if tried[name] == 1 else f"{name}#{tried[name]}"}
