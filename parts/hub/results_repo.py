"""The data set on the Hub that evaluation runs share: finished records fetched, new ones uploaded."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from parts.frame import ScriptError, note, write_whole
from parts.harness.vocabulary import ResultsRepo
from parts.hub.answers import keep_token_home
from parts.hub.committing import commit_whole
from parts.hub.private_repo import refuse_moved, refuse_public
from parts.hub.result_seal import RESULTS_KEY, SEAL_ENDING, has_seal, result_seal, seal_name
from parts.inputs import MAX_SAMPLES, input_bytes, input_text
from parts.private import scrub

RESULTS_REPO = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<folder>[\w.-]+(?:/[\w.-]+)*))?/?")
RESULT_ENDINGS = (".json", "_samples.jsonl", SEAL_ENDING)  # of the files that a run writes
BUSY = {409, 412, 429, 500, 502, 503, 504}  # answers of the Hub that a later try may not get


def parse_results_repo(text: str) -> ResultsRepo:
    """The data set and folder of `OWNER/NAME[/FOLDER]`."""
    match = RESULTS_REPO.fullmatch(text)
    if not match or ".." in text:
        raise ScriptError(f"--results-repo {text}: write OWNER/NAME, or OWNER/NAME/FOLDER")
    return ResultsRepo(match["repo"], f"{match['folder']}/" if match["folder"] else "")


def open_results_repo(text: str) -> ResultsRepo:
    """The data set for the records, made (private) when it is not there; refused before anything is measured.

    One that is public is refused with exit code 3: samples hold what may not be published.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    target = replace(parse_results_repo(text), key=os.environ.pop(RESULTS_KEY, ""))  # no child gets to see it
    keep_token_home()
    try:
        refuse_moved(HfApi(), target.repo_id, "dataset", "--results-repo")
        HfApi().create_repo(target.repo_id, repo_type="dataset", private=True, exist_ok=True)
        HfApi().auth_check(target.repo_id, repo_type="dataset", write=True)  # one that exists may be somebody else's
        refuse_public(HfApi(), target.repo_id, "dataset", "--results-repo")
    except ScriptError:
        raise
    except HfHubHTTPError as error:
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub refused ({error.response.status_code}): it needs a token "
            "with write permission (HF_TOKEN)"
        ) from error
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        raise ScriptError(
            f"--results-repo {target.repo_id}: the Hub is out of reach ({type(error).__name__})"
        ) from error
    return target


def fetch_results(target: ResultsRepo, output: Path, places: Iterable[str]) -> None:
    """Copy what the data set has of some models (`<developer>/<model>`) into OUTPUT/data, so that it is not redone."""
    from huggingface_hub import snapshot_download

    patterns = [f"{target.folder}data/*/{place}/*{ending}" for place in places for ending in RESULT_ENDINGS]
    try:
        found = Path(snapshot_download(target.repo_id, repo_type="dataset", allow_patterns=patterns))
    except Exception as error:  # each HTTP library has its own exceptions for "no connection"
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(f"--results-repo {target.repo_id}: could not be read ({said})") from error
    for path in sorted((found / target.folder / "data").rglob("*.json*"), reverse=True):  # samples before records
        place = output / path.relative_to(found / target.folder)
        ours = path.suffix != ".json" or not target.key or has_seal(found, path.relative_to(found), target.key)
        if ours and not place.exists():
            with contextlib.suppress(ScriptError):  # no file of ours
                text = input_text(path, MAX_SAMPLES)
                write_whole(place, text)


def upload_results(target: ResultsRepo, output: Path, paths: Iterable[Path]) -> None:
    """Upload records, samples and failures below OUTPUT in one commit; others may write to the data set meanwhile."""
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    files = {target.folder + path.relative_to(output).as_posix(): path for path in paths}
    if not files:
        return
    busy = retry_if_exception(lambda error: isinstance(error, HfHubHTTPError) and error.response.status_code in BUSY)
    send = Retrying(stop=stop_after_attempt(8), wait=wait_random_exponential(max=20), retry=busy, reraise=True)
    seals = {
        seal_name(name): result_seal(target.key, name, input_bytes(path, MAX_SAMPLES)).encode()
        for name, path in files.items()
        if target.key and path.suffix == ".json"
    }
    operations = [CommitOperationAdd(name, content) for name, content in sorted((files | seals).items())]
    title = f"Add {len(files)} evaluation files"

    def commit() -> None:
        refuse_public(HfApi(), target.repo_id, "dataset", "--results-repo")  # it was looked at hours ago
        commit_whole(HfApi(), target.repo_id, operations, commit_message=title, repo_type="dataset")

    try:
        send(commit)
    except ScriptError:
        raise
    except Exception as error:
        said = scrub(" ".join(str(error).split()))[:200]
        raise ScriptError(
            f"--results-repo {target.repo_id}: not uploaded ({said}); the records are in {output}"
        ) from error


def with_samples(paths: Iterable[Path]) -> list[Path]:
    """The files of records or failures, and the samples of those that have some."""
    files = [file for path in paths for file in (path.with_name(f"{path.stem}_samples.jsonl"), path)]
    return [file for file in files if file.is_file()]


class Uploads:
    """Sends records to the data set as they are made; what the Hub did not take goes with the next ones."""

    def __init__(self, target: ResultsRepo | None, output: Path) -> None:
        self.target, self.output = target, output
        self.waiting: list[Path] = []
        self.sent: set[Path] = set()

    def send(self, paths: Iterable[Path]) -> None:
        """Upload records or failures with their samples; a fault of the Hub does not end a sweep."""
        if self.target is None:
            return
        new = [path for path in paths if path not in self.sent]
        self.sent.update(new)
        self.waiting += with_samples(new)
        try:
            self.finish()
        except ScriptError as error:
            note(f"warning: {error}; tried again later")

    def finish(self) -> None:
        """Upload what is left; ScriptError when that fails."""
        if self.target and self.waiting:
            upload_results(self.target, self.output, self.waiting)
            self.waiting = []
