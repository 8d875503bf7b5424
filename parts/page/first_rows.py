"""The top of the table as plain HTML: painted before the data is unpacked, and all there is without JavaScript."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from parts.board.overall import BoardPlace
from parts.board.ranks import display_score
from parts.board.vocabulary import BoardRow, RankRange
from parts.page.constants import FIRST_COLUMNS, FIRST_ROWS, HUB_URL


def table_top(
    standings: Sequence[BoardPlace],
    scores: Mapping[tuple[str, str], BoardRow],
    ranks: Mapping[tuple[str, str], RankRange],
    benchmarks: Sequence[Mapping[str, Any]],
    primary: Sequence[str],
    lead: str,
    by: str,
    told: str,
) -> dict[str, str]:
    """Head and rows of the first FIRST_ROWS models, and the sentences above them (lead, by, told); text is escaped.

    scores, ranks: (benchmark, model) -> the shown row and its ranks; benchmarks: as the page has them.
    """
    averaged = len(primary) > 1
    order = sorted(benchmarks, key=lambda b: primary.index(b["key"]) if b["key"] in primary else len(primary))
    columns = order[:FIRST_COLUMNS]
    heads = [head("Rank", "", "rankhead"), head("Model", "", "model")]
    heads += [head("Average", f"of {len(primary)}, %", "n")] if averaged else []
    heads += [head(b["name"], f"{b['unit']}{', lower is better' if b['lower'] else ''}", "n") for b in columns]
    lines = []
    for one in standings[:FIRST_ROWS]:
        cells = [f'<td class="n rankcell">{place(one, len(primary))}</td>', model_cell(one.model, scores, columns)]
        cells += [average_cell(one)] if averaged else []
        cells += [number_cell(scores.get((b["key"], one.model)), ranks.get((b["key"], one.model))) for b in columns]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return {
        "lead": f'{html.escape(lead)}<span class="by">{html.escape(by)}</span>',
        "collected": html.escape(told),
        "head": f"<tr>{''.join(heads)}</tr>",
        "rows": "\n".join(lines),
    }


def head(name: str, unit: str, kind: str) -> str:
    below = f'<span class="unit">{html.escape(unit)}</span>' if unit else ""
    return f'<th scope="col" class="{kind}"><span class="name">{html.escape(name)}</span>{below}</th>'


def place(one: BoardPlace, count: int) -> str:
    """A model's ranks, or how many of the benchmarks it has."""
    return f"{one.have} of {count}" if one.mean is None else str(one.rank)


def model_cell(model: str, scores: Mapping[tuple[str, str], BoardRow], columns: Sequence[Mapping[str, Any]]) -> str:
    """The model's name, a link where it is on the Hub."""
    shown = [row for b in columns if (row := scores.get((b["key"], model)))]
    on_hub = any(row["source_type"] not in ("own_run", "reported") for row in shown)
    owner, _, name = model.rpartition("/")
    text = f'<span class="clamp">{html.escape(name)}</span>'
    link = f'<a class="name" rel="noreferrer" href="{html.escape(f"{HUB_URL}/{model}")}">{text}</a>' if on_hub else text
    return f'<th scope="row" class="model">{link}<span class="sub name clamp">{html.escape(owner)}</span></th>'


def average_cell(one: BoardPlace) -> str:
    if one.mean is None:
        return '<td class="n missing">—</td>'
    spread = "" if one.error is None else f'<span class="rank">± {one.error:.1f}</span>'
    return f'<td class="n"><strong>{one.mean:.1f}</strong>{spread}</td>'


def number_cell(row: BoardRow | None, rank: RankRange | None) -> str:
    if row is None:
        return '<td class="n missing">—</td>'
    below = f'<span class="rank">{rank}</span>' if rank and rank.low is not None else ""
    value = display_score(row["comparable"], row["canonical_unit"])
    return f'<td class="n score"><span class="value">{value}</span>{below}</td>'
