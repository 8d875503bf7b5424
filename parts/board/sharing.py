"""What push sends: the data set and the Space."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.board.data import DATA_FILES
from parts.board.hub import status_of, trouble
from parts.board.vocabulary import SOURCE_TEXTS, SOURCE_TYPES
from parts.frame import ScriptError, kept_text, listing, note, to_json
from parts.hub.access import hub_errors
from parts.hub.committing import commit_once, commit_whole, content_ids, known_identity
from parts.hub.private_repo import refuse_other_name, refuse_public

OUR_TAG = "hub-evals-leaderboard"  # in the README of what push has made; without it nothing is overwritten
REFRESH_HOURS = 24
SPACE_REQUIREMENTS = (
    "duckdb>=1.4,<3", "httpx2>=2,<3", "huggingface_hub>=2.2,<3", "numpy>=2,<3", "python-dotenv>=1.1,<2",
    "pyyaml>=6,<7", "rich>=14,<16", "tenacity>=9,<10",
)  # fmt: skip
GRADIO = "6.31.0"  # of the Space
SPACE_README = """---
title: {title}
emoji: 📊
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
pinned: false
datasets:
- {dataset}
tags:
- leaderboard
- {tag}
---

# {title}

Scores of open models from the evaluation metadata that they carry; the data is in
[{dataset}](https://huggingface.co/datasets/{dataset}). {refresh}Made by `leaderboard.py push`.
"""
SPACE_REFRESH = """Every {hours} hours the Space collects it anew; with a secret
`HF_TOKEN` that may write to the dataset it pushes it there as well. """
DATASET_README = """---
pretty_name: Leaderboard of open models
tags:
- leaderboard
- {tag}
configs:
- config_name: default
  data_files:
  - split: train
    path: leaderboard.parquet
---

# Leaderboard of open models

{rows} scores of {models} models on {benchmarks} benchmarks; collected {collected}: {sources}.

One row for each score and source: `shown` marks the one of each model and benchmark that comes first in this order:
{order}. `comparable` is the value in `canonical_unit`; where the scale is not known it is null and `why_not` says why.
What could not be read is in `metadata.json`.

```sql
SELECT model, comparable, source_type FROM 'leaderboard.parquet' WHERE shown AND benchmark = 'mmlu_pro' ORDER BY 2 DESC
```
"""
APP = '''"""The leaderboard's page, and its refresh in the background; made by `scripts/leaderboard.py push`.

The data comes from the dataset when the Space starts. Every {hours} hours `collect` asks the Hub again, into this
Space's own folder. With a secret HF_TOKEN that may write to the dataset, the new data is pushed there as well.
"""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import snapshot_download

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SCRIPT = HERE / "scripts" / "leaderboard.py"
SETTINGS = json.loads((HERE / "refresh.json").read_text(encoding="utf-8"))


def run(*arguments, anonymous=False):
    """One command of the script, in a process of its own: its memory goes back, its failure ends nothing here."""
    secret = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if anonymous else ()
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=HERE, env=environment, check=False).returncode


def refresh():
    """Collect again, own runs kept; push when a token allows it. The old data stays when the Hub cannot be read.

    What the token may see beyond what everybody may is read only when the board was made private.
    """
    folders = ("--keep-own-runs", str(DATA), "--adopt", "--output-dir", str(DATA))
    done = run("collect", *SETTINGS["collect"], *folders, anonymous=not SETTINGS["private"]) == 0
    if done and os.environ.get("HF_TOKEN"):
        run("push", "--dataset", SETTINGS["dataset"], "--data", str(DATA), "--adopt", "--apply")


def age_in_hours():
    collected = json.loads((DATA / "metadata.json").read_text(encoding="utf-8"))["collected"]
    return (datetime.now(UTC) - datetime.fromisoformat(collected)).total_seconds() / 3600


def keep_fresh():
    tried = 0.0
    while True:
        if age_in_hours() >= SETTINGS["hours"] and time.time() - tried >= 3600:
            tried = time.time()
            refresh()
        time.sleep(300)


def main():
    snapshot_download(SETTINGS["dataset"], repo_type="dataset", local_dir=DATA, allow_patterns=SETTINGS["files"])
    if SETTINGS["collect"]:
        threading.Thread(target=keep_fresh, daemon=True).start()
    sys.path.insert(0, str(SCRIPT.parent))
    import leaderboard

    return leaderboard.main(["serve", "--data", str(DATA), "--adopt", "--host", "0.0.0.0", "--port", "7860"])


if __name__ == "__main__":
    raise SystemExit(main())
'''


@dataclass(frozen=True, slots=True)
class RepoUpload:
    """What one repo is to hold, and what it holds now."""

    kind: str  # "dataset" or "space"
    repo_id: str
    files: Mapping[str, bytes]  # those that are missing there, or differ
    exists: bool
    head: str | None
    private: bool = False

    def as_json(self) -> dict[str, Any]:
        sizes = {name: len(data) for name, data in self.files.items()}
        return {"kind": self.kind, "repo_id": self.repo_id, "exists": self.exists, "files": sizes}


def told_sources(counts: Mapping[str, Any]) -> str:
    """Where the numbers are from: "150 own runs, read from records; 20 author's metadata"."""
    found = [(kind, count) for kind, count in (counts.get("sources") or {}).items() if count]
    return "; ".join(f"{count:,} {SOURCE_TYPES.get(kind, kind)} ({SOURCE_TEXTS[kind]})" for kind, count in found)


def dataset_files(data: Mapping[str, bytes], metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """The data and its card."""
    counts = metadata["counts"]
    card = DATASET_README.format(
        tag=OUR_TAG,
        rows=f"{counts['rows']:,}",
        models=f"{counts['models']:,}",
        benchmarks=len(metadata["benchmarks"]),
        collected=metadata["collected"],
        order=", ".join(SOURCE_TYPES.values()),
        sources=told_sources(counts),
    )
    return {**data, "README.md": card.encode()}


def space_files(space: str, dataset: str, metadata: Mapping[str, Any], secret: Sequence[str]) -> dict[str, bytes]:
    """The app: this script, what it needs, and how it is refreshed; secret: as `private_models` has them."""
    title = space.rpartition("/")[2].replace("-", " ").replace("_", " ").capitalize()
    arguments = collect_arguments(metadata["asked"])
    refresh = SPACE_REFRESH.format(hours=REFRESH_HOURS) if arguments else ""
    texts = {
        "README.md": SPACE_README.format(title=title, gradio=GRADIO, dataset=dataset, tag=OUR_TAG, refresh=refresh),
        "app.py": APP.replace("{hours}", str(REFRESH_HOURS)),
        "requirements.txt": "".join(f"{line}\n" for line in SPACE_REQUIREMENTS),
        "refresh.json": to_json(
            {
                "dataset": dataset,
                "hours": REFRESH_HOURS,
                "files": list(DATA_FILES),
                "collect": arguments,
                "private": bool(secret),
            }
        ),
    }
    if models := metadata["asked"].get("repo_ids"):
        texts["models.txt"] = "".join(f"{model}\n" for model in models)
    own = Path(__file__).resolve()
    binary = {"scripts/leaderboard.py": own.read_bytes()}
    mapping = own.parents[1] / "metric_mapping.json"
    return (
        {name: text.encode() for name, text in texts.items()} | binary | {"metric_mapping.json": mapping.read_bytes()}
    )


def space_asks(metadata: Mapping[str, Any], secret: Sequence[str]) -> dict[str, list[str]]:
    """What a Space runs by itself: the arguments of its collect, the models in its models.txt, and those for which it
    reads with its token; {} for nothing."""
    arguments = collect_arguments(metadata["asked"])
    models = list(metadata["asked"].get("repo_ids") or [])
    return {"collect": arguments, "models": models, "private_models": list(secret)} if arguments else {}


def private_models(api: Any, models: Sequence[str], claimed: Sequence[str]) -> list[str]:
    """Those of some models that only some may see: the Hub's word for all that this token may see, its user's and its
    organizations'; without a token those that the data claims."""
    if not api.token:
        return list(claimed)
    identity = known_identity(api.whoami(), "private models of the data")
    own = [identity["name"], *(str(org.get("name")) for org in identity.get("orgs") or [])]
    owners = {model.partition("/")[0].lower() for model in models}
    listed = (api.list_models(author=name, expand=["private"]) for name in own if name.lower() in owners)
    hidden = {model.id.lower() for some in listed for model in some if model.private}
    return [model for model in models if model.lower() in hidden]


def collect_arguments(asked: Mapping[str, Any]) -> list[str]:
    """The arguments that collect the same models again; none when all were records of this machine."""
    words = ["--trending", str(asked["trending"])] if asked.get("trending") else []
    words += ["--author", asked["author"]] if asked.get("author") else []
    words += ["--repo-ids", "models.txt"] if asked.get("repo_ids") else []
    words += ["--official"] if asked.get("official") else []
    more = ["--benchmarks", ",".join(asked["benchmarks"])] if asked.get("benchmarks") else []
    more += ["--primary", ",".join(asked["primary"])] if asked.get("primary") else []
    more += ["--no-prs"] if asked.get("no_prs") else []
    return words + more if words else []


def differing(wanted: Mapping[str, bytes], there: Mapping[str, str]) -> dict[str, bytes]:
    """The files that a repo has not, or has otherwise; there: path -> git blob id, or sha256 of a large file."""

    return {name: data for name, data in wanted.items() if there.get(name) not in content_ids(data)}


def look_at_repo(api: Any, kind: str, repo_id: str, wanted: Mapping[str, bytes]) -> RepoUpload:
    """What is to be sent to a repo; ScriptError (1) when there is one of that name that push has not made."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(repo_id, repo_type=kind, files_metadata=True)
    except RepositoryNotFoundError:
        return RepoUpload(kind, repo_id, wanted, False, None)
    refuse_other_name(info, repo_id, f"--{kind}")
    files = repo_file_ids(info)
    card = info.card_data
    tags = list((card.get("tags") if card else None) or [])
    if OUR_TAG not in tags and set(files) - {".gitattributes"}:
        what = f"a {card.get('sdk')} Space" if kind == "space" and card and card.get("sdk") else f"a {kind}"
        raise ScriptError(
            f"{repo_id} is taken: there is {what} of that name which push has not made (its README has no tag "
            f"{OUR_TAG}); nothing was written. Choose another --{kind}, or add the tag if it is meant",
            code=1,
        )
    return RepoUpload(kind, repo_id, differing(wanted, files), True, info.sha, bool(info.private))


def refuse_to_tell(secret: Sequence[str], uploads: Sequence[RepoUpload], private: bool, asked: bool = False) -> None:
    """ScriptError when models that only some may see would get into a public repo, or all is asked to be private.

    private: what is made.
    """
    public = [upload.repo_id for upload in uploads if not (upload.private if upload.exists else private)]
    if asked and public:
        raise ScriptError(f"{public[0]} exists and is public; leave --private out, or choose another name")
    if secret and public:
        raise ScriptError(
            f"the data names private models ({listing(secret, 3)}), and {public[0]} is public, or would be; collect "
            "without them, or push to private repos (without --public when they are made)"
        )


def send_uploads(api: Any, uploads: Sequence[RepoUpload], private: bool, hardware: str | None) -> list[dict[str, Any]]:
    """Make what is missing, then one commit for each repo; when anything fails, what was made is removed again."""
    made: list[RepoUpload] = []
    try:
        with hub_errors("pushing the leaderboard", api.token or "-"):
            for upload in uploads:
                if not upload.exists:
                    sdk = {"space_sdk": "gradio"} if upload.kind == "space" else {}
                    with payment(upload, "push without --space, and put what `export` writes into a static Space"):
                        api.create_repo(upload.repo_id, repo_type=upload.kind, private=private or None, **sdk)
                    made.append(upload)
                if upload.kind == "space" and hardware:
                    ask_hardware(api, upload, hardware)
            for upload in uploads:
                if upload.private if upload.exists else private:  # and since the look
                    refuse_public(api, upload.repo_id, upload.kind, f"--{upload.kind}")
            return [send_upload(api, upload) for upload in uploads if upload.files]
    except BaseException:
        for upload in reversed(made):
            take_back(api, upload)
        raise


@contextlib.contextmanager
def payment(space: RepoUpload, way: str) -> Iterator[None]:
    """Turn the Hub's 402 into what it says and another way."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        if status_of(error) != 402:
            raise
        said = kept_text(error.server_message) or "payment required"
        raise ScriptError(f"the Space {space.repo_id}: the Hub refused it: {said}; {way}") from error


def ask_hardware(api: Any, space: RepoUpload, hardware: str) -> None:
    """Request hardware unless the Space has it, or has asked for it."""
    if space.exists:
        runtime = api.get_space_runtime(space.repo_id)
        if hardware in (runtime.hardware, runtime.requested_hardware):
            return
    with payment(space, "without --hardware it runs on cpu-basic"):
        api.request_space_hardware(space.repo_id, hardware)


def send_upload(api: Any, upload: RepoUpload) -> dict[str, Any]:
    """One commit of what a repo lacks, compared with what the Hub has then; a lost answer is no second commit."""
    from huggingface_hub import CommitOperationAdd

    def commit() -> tuple[str, str]:
        made = commit_whole(
            api,
            upload.repo_id,
            [CommitOperationAdd(name, data) for name, data in upload.files.items()],
            repo_type=upload.kind,
            commit_message=f"Leaderboard: {', '.join(sorted(upload.files))}"[:200],
            parent_commit=upload.head,
        )
        return made.oid, made.commit_url

    def arrived() -> tuple[str, str] | None:
        info = api.repo_info(upload.repo_id, repo_type=upload.kind, files_metadata=True)
        url = f"{api.endpoint}/{upload.kind}s/{upload.repo_id}/commit/{info.sha}"
        return None if differing(upload.files, repo_file_ids(info)) else (info.sha, url)

    oid, url = commit_once(commit, arrived)
    there = repo_file_ids(api.repo_info(upload.repo_id, repo_type=upload.kind, revision=oid, files_metadata=True))
    if wrong := differing(upload.files, there):
        raise ScriptError(f"{upload.repo_id}: {listing(wrong)} differ on the Hub after the push; look at {url}")
    return {**upload.as_json(), "commit": oid, "url": url}


def repo_file_ids(info: Any) -> dict[str, str]:
    """Path -> git blob id, or SHA-256 of a large file."""
    return {item.rfilename: (item.lfs.sha256 if item.lfs else item.blob_id) for item in info.siblings or []}


def take_back(api: Any, upload: RepoUpload) -> None:
    """Remove a repo that this run has made; say so when that fails."""
    try:
        api.delete_repo(upload.repo_id, repo_type=upload.kind, missing_ok=True)
        note(f"{upload.kind} {upload.repo_id} was made for this and is removed again")
    except Exception as error:
        note(f"warning: the {upload.kind} {upload.repo_id}, made for this, could not be removed: {trouble(error)}")
