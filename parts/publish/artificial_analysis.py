"""Artificial Analysis: its API, its models, its scores as entries."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from parts.command_line import VERSION
from parts.frame import (
    MAX_TRIES,
    ScriptError,
    command_line_of,
    is_number,
    listing,
    nearest,
    note,
    single_line,
    write_whole,
)
from parts.hub.retry import retry_after
from parts.hub.token import dotenv_value, say_dotenv
from parts.inputs import read_json, strict_json
from parts.metadata.entries import Entry
from parts.outgoing import isolated
from parts.vocabulary import normalize_name

AA_NAME = "Artificial Analysis"
AA_SITE = "https://artificialanalysis.ai"
AA_MODELS = "/api/v2/data/llms/models"
AA_KEY_HELP = "an account on https://artificialanalysis.ai makes one; put AA_API_KEY=... into the environment or .env"
AA_RANGE = {"points": 100, "proportion": 1}  # the API's indices and shares, each from 0
AA_DATE = re.compile(r"(?:[A-Za-z]{3,9}\.? )?[’']?(?:20)?\d\d")  # "(Dec '24)": a version, no mode
MAX_ANSWER = 50_000_000  # bytes; the API's answer has about 1 MB
MAX_WAIT = 60  # seconds between two tries, whatever Retry-After says


def aa_models(answer: Any, where: str) -> list[dict[str, Any]]:
    """The models in an answer of the API, its shape checked; a damaged one is left out with a note.

    Shape: {"data": [{"name", "slug", "model_creator": {"name", "slug"}, "evaluations": {field: number or null}}]}.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ScriptError(f'{where}: not an answer of the {AA_NAME} API: no list of models under "data"')
    good = []
    for number, row in enumerate(rows):
        if damage := aa_damage(row):
            note(f"left out: {where}: data[{number}]: {damage}")
        else:
            good.append(row)
    if not good:
        raise ScriptError(f"{where}: none of its {len(rows)} models has the form that the {AA_NAME} API documents")
    return good


def aa_damage(row: Any) -> str | None:
    """What is wrong with one model of an answer, or None."""
    if not isinstance(row, dict) or not isinstance(row.get("model_creator"), dict):
        return "no model with a model_creator"
    for owner, name in ((row, "slug"), (row, "name"), (row["model_creator"], "slug"), (row["model_creator"], "name")):
        if not isinstance(owner.get(name), str) or not 0 < len(single_line(owner[name])) <= 200:
            return f"no {name} of the {'model' if owner is row else 'creator'}"
        if re.search("[\ud800-\udfff]", owner[name]):
            return f"the {name} of the {'model' if owner is row else 'creator'} is no text"
    if not isinstance(row.get("evaluations") or {}, dict):
        return "evaluations is no mapping"
    return None


def fitting(text: str, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The rows with this very slug, else those whose slug or name is the same but for spelling."""
    rows, wanted = list(rows), normalize_name(text) or text
    exact = [row for row in rows if row["slug"] == text]
    return exact or [row for row in rows if wanted in (normalize_name(row["slug"]), normalize_name(row["name"]))]


def models_of_creator(models: Sequence[dict[str, Any]], creator: str) -> list[dict[str, Any]]:
    """The models of one creator, by slug or name; ScriptError(code=1) naming the creators that there are."""
    slugs = {row["slug"] for row in fitting(creator, [model["model_creator"] for model in models])}
    if not slugs:
        known = sorted({single_line(model["model_creator"]["slug"]) for model in models})
        close = nearest(creator, known) or f"; there are: {listing(known, 40)}"
        raise ScriptError(f"{AA_NAME} has no creator {single_line(creator)!r}{close}", code=1)
    return [model for model in models if model["model_creator"]["slug"] in slugs]


def aa_mode(model: Mapping[str, Any]) -> str | None:
    """What stands in brackets behind a model's name, "Reasoning, high"; None where that is a date, or nothing."""
    found = re.search(r"\(([^()]{1,60})\)\s*$", single_line(model["name"]))
    return None if found is None or AA_DATE.fullmatch(found[1]) else found[1]


def aa_modes(model: Mapping[str, Any], models: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The models whose name is another's but for the mode, itself among them."""
    stem = normalize_name(single_line(model["name"]).removesuffix(f"({aa_mode(model)})"))
    names = ((row, single_line(row["name"]).removesuffix(f"({aa_mode(row)})")) for row in models)
    return [row for row, name in names if normalize_name(name) == stem]


def find_aa_model(models: Sequence[dict[str, Any]], creator_slug: str, model_name: str) -> dict[str, Any]:
    """The one model of a creator with this slug or name; ScriptError 1 with the nearest slugs, 3 with all that fit.

    A name that several modes of a model share is none of them, though one's slug may be spelled like it.
    """
    own = models_of_creator(models, creator_slug)
    found = fitting(model_name, own)
    if len(found) == 1:
        said = model_name == found[0]["slug"] or normalize_name(model_name) == normalize_name(found[0]["name"])
        found = found if said else aa_modes(found[0], own)
    if len(found) == 1:
        return found[0]
    if found:
        names = listing((f"{model['name']} (slug {model['slug']})" for model in found), 20)
        raise ScriptError(f"{single_line(model_name)!r} is several models: {names}; give one slug to --model-name", 3)
    slugs = {single_line(model["slug"]): single_line(model["name"]) for model in own}
    by_name = {name.lower(): slug for slug, name in slugs.items()}
    close = difflib.get_close_matches(model_name.lower(), [*slugs, *by_name], 8, 0.5)
    near = list(dict.fromkeys(by_name.get(text, text) for text in close))[:5]
    hint = f"; nearest: {', '.join(near)}" if near else f"; it has: {listing(slugs, 10)}"
    raise ScriptError(f"{single_line(creator_slug)} has no model {single_line(model_name)!r}{hint}", code=1)


def aa_entries(model: Mapping[str, Any], mapping: Mapping[str, Any]) -> tuple[list[Entry], list[str]]:
    """A model's evaluations as results to publish, as the API gives them, and what was left out and why.

    Units are the API's own: its indices are points from 0 to 100, all else is a proportion.
    """
    keys = {entry["artificial_analysis"]: key for key, entry in mapping.items() if entry.get("artificial_analysis")}
    entries, left = [], []
    for name, value in (model.get("evaluations") or {}).items():
        unit = "points" if name.endswith("_index") else "proportion"
        if name not in keys:
            left.append(f"{single_line(name)[:60]}: metric_mapping.json does not know it")
        elif value is None:
            left.append(f"{name}: {AA_NAME} has no value")
        elif not is_number(value):
            left.append(f"{name}: {single_line(repr(value))[:40]} is not a finite number")
        elif not 0 <= value <= AA_RANGE[unit]:
            left.append(f"{name}: {value} is outside 0 to {AA_RANGE[unit]}, the range of a value in {unit}")
        else:
            url = f"{AA_SITE}/models/{quote(model['slug'], safe='')}"
            label, where = mapping[keys[name]]["name"], f"evaluations.{name}"
            entries.append(
                Entry(
                    *(label, value, where, keys[name], unit),
                    variant=aa_mode(model),
                    source_name=AA_NAME,
                    source_url=url,
                )
            )
    return entries, left


def render_aa_list(models: Sequence[dict[str, Any]], creator_slug: str | None) -> tuple[Any, dict[str, Any]]:
    """The creators and models with their slugs, as a table for the terminal and as JSON; all text made harmless."""
    from rich.table import Table as TextTable
    from rich.text import Text

    rows = []
    for model in models_of_creator(models, creator_slug) if creator_slug else models:
        names = (model["model_creator"]["slug"], model["model_creator"]["name"], model["slug"], model["name"])
        count = sum(is_number(value) for value in (model.get("evaluations") or {}).values())
        rows.append((*map(single_line, names), count))
    rows.sort()
    fields = ("creator_slug", "creator", "slug", "name", "evaluations")
    table = TextTable(*fields)
    for row in rows:
        table.add_row(*(Text(isolated(str(cell))) for cell in row))
    creators = sorted({row[0] for row in rows})
    return table, {"creators": creators, "models": [dict(zip(fields, row, strict=True)) for row in rows]}


def aa_key() -> str:
    """AA_API_KEY from the environment or the current folder's .env; ScriptError when there is none."""
    key = os.environ.get("AA_API_KEY")
    if not key and (key := dotenv_value("AA_API_KEY")):
        say_dotenv("AA_API_KEY", os.getcwd())
    if not (key or "").strip():
        raise ScriptError(f"no AA_API_KEY: {AA_KEY_HELP}; --input-json FILE replays a saved answer without a key")
    return (key or "").strip()


def aa_url() -> Any:
    """The address of the API's list of models (AA_API_BASE, for tests and proxies); https, except to this machine."""
    import httpx2

    base = os.environ.get("AA_API_BASE") or AA_SITE
    try:
        url = httpx2.URL(base.rstrip("/") + AA_MODELS)
    except (httpx2.InvalidURL, TypeError) as error:
        raise ScriptError(f"AA_API_BASE is not a URL: {single_line(error)}") from error
    safe = url.scheme == "https" or (url.scheme == "http" and url.host in ("127.0.0.1", "localhost", "::1"))
    if not safe or not url.host or url.userinfo:
        raise ScriptError("AA_API_BASE must be https://HOST; a key is not sent without encryption")
    return url


def fetch_aa(key: str, save: Path | None) -> list[dict[str, Any]]:
    """All models that Artificial Analysis lists; the answer as received goes to `save`.

    Asks MAX_TRIES times when the API is busy or cannot be reached. The key is in the request's header and nowhere else.
    """
    import httpx2
    import tenacity

    if not re.fullmatch(r"[\x21-\x7e]{8,500}", key):
        raise ScriptError(f"AA_API_KEY is no key (one word of at least 8 printable ASCII characters): {AA_KEY_HELP}")
    url = aa_url()

    def stay(request: Any) -> None:  # the client would take the key along to wherever it is sent
        if (request.url.scheme, request.url.host, request.url.port) != (url.scheme, url.host, url.port):
            raise ScriptError(f"{url} sends on to another server, {single_line(request.url.host)}; not followed")

    try:
        with httpx2.Client(
            headers={"x-api-key": key, "user-agent": f"evaluation_manager/{VERSION}", "accept": "application/json"},
            follow_redirects=True,
            max_redirects=3,
            timeout=30,
            event_hooks={"request": [stay]},
        ) as client:
            asking = tenacity.Retrying(
                stop=tenacity.stop_after_attempt(MAX_TRIES),
                retry=tenacity.retry_if_exception_type(httpx2.TransportError)
                | tenacity.retry_if_result(lambda answer: answer[0] == 429 or answer[0] >= 500),
                wait=aa_wait,
                before_sleep=lambda state: note(f"{aa_trouble(state)}; again in {state.upcoming_sleep:.0f} s"),
                retry_error_callback=give_up,
            )
            status, _, data = asking(ask_aa, client, url)
    except httpx2.HTTPError as error:  # too many redirects, an encoding that cannot be undone
        raise ScriptError(f"{url}: {single_line(error).replace(key, '***') or type(error).__name__}") from None
    if status in (401, 403):
        why = "does not know the key in AA_API_KEY" if status == 401 else "does not let the key in AA_API_KEY read this"
        raise ScriptError(f"{AA_NAME} {why} (answer {status}): {AA_KEY_HELP}")
    if status != 200:
        raise ScriptError(f"{url} answered {status}; is AA_API_BASE right?")
    try:
        text = data.decode("utf-8")
        models = aa_models(strict_json(text), str(url))
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{url}: the answer is not valid JSON: {single_line(error)[:120]}") from None
    if save:
        write_whole(save, text.replace(key, "***"))
        note(f"the answer is in {save}; {command_line_of(['--input-json', save])} replays it")
    return models


def ask_aa(client: Any, url: Any) -> tuple[int, str, bytes]:
    """(status, Retry-After, content) of one request; the content of a refusal is not read."""
    data = bytearray()
    with client.stream("GET", url) as response:
        for chunk in response.iter_bytes() if response.status_code == 200 else ():
            data += chunk
            if len(data) > MAX_ANSWER:
                raise ScriptError(f"{url}: the answer is longer than {MAX_ANSWER:,} bytes; not read")
        return response.status_code, response.headers.get("retry-after", ""), bytes(data)


def aa_wait(state: Any) -> float:
    """Seconds before the next try: what Retry-After asks for, else 1, 2, 4, ... and a bit; at most MAX_WAIT."""
    import tenacity

    asked = None if state.outcome.failed else retry_after(state.outcome.result()[1], datetime.now(UTC))
    backoff = tenacity.wait_exponential_jitter(initial=1, max=MAX_WAIT, jitter=1)
    return min(MAX_WAIT, backoff(state) if asked is None else asked)


def aa_trouble(state: Any) -> str:
    """Why a try failed, in a few words without anything that the server or the request said."""
    outcome = state.outcome
    why = type(outcome.exception()).__name__ if outcome.failed else f"answer {outcome.result()[0]}"
    return f"{AA_NAME}: {why} (try {state.attempt_number} of {MAX_TRIES})"


def give_up(state: Any) -> None:
    raise ScriptError(f"{aa_trouble(state)}; wait and try again, or replay a saved answer with --input-json FILE")


def read_aa(path: Path) -> list[dict[str, Any]]:
    """The models in an answer that --save-raw-json kept."""
    return aa_models(read_json(path), str(path))
