"""How many examples a property is tried on, where each of them costs seconds or hundreds of them do."""

import os

THOROUGH = os.environ.get("HUB_EVALS_THOROUGH") == "1"


def examples(number: int) -> int:
    """A sixth of them; with HUB_EVALS_THOROUGH=1 all."""
    return number if THOROUGH else max(10, number // 6)
