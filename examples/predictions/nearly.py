"""A judge that needs no model: how much of an answer is right, letter by letter. One that asks a model also has:

GRADER_MODEL = "owner/name"
GRADER_SETTINGS = {"temperature": 0, "prompt": "..."}
"""

import difflib

UNIT = "proportion"
MIN_SCORE, MAX_SCORE = 0, 1


def grade(row: dict) -> float:
    """The share of letters that the answer and the reference that is nearest have in common, in order."""
    said = row["prediction"].strip()
    return max(difflib.SequenceMatcher(None, said, right.strip()).ratio() for right in row["references"])
