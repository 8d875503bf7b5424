"""A metric of one's own: right when the number is within two percent of the reference."""

UNIT = "proportion"
MIN_SCORE, MAX_SCORE = 0, 1


def score(row: dict) -> float | None:
    """1 or 0 for a line; None when its reference is no number."""
    try:
        wanted = float(row["reference"])
    except ValueError:
        return None
    try:
        return float(abs(float(row["prediction"]) - wanted) <= 0.02 * abs(wanted))
    except ValueError:
        return 0.0
