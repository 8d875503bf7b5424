"""Log lines of a harness kept for failures, and the progress of a sweep."""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator

from parts.frame import LOG_LINES, note
from parts.private import scrub

# Warnings of lighteval that are said for every task and tell the user nothing.
NOISE = (
    "batch size is set to",
    "You cannot select the number of dataset splits",
    "num_dataset_splits",
    "Careful, the task",
    "We did not manage to extract a prediction",
    "`torch_dtype` is deprecated",
    "The following generation flags are not valid",
    "Custom kwargs can be passed to",  # of lm-eval's own command line
    "MISSING:",  # becomes an error
)


class LogTail(logging.Handler):
    """Keeps the last log lines for failure files and shows each kind of warning once."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self.seen: set[tuple[str, int]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = scrub(f"{record.levelname.lower()}: {record.getMessage()}")
        self.lines.append(text[:500])
        where = record.name, record.lineno
        if record.levelno >= logging.WARNING and where not in self.seen and not any(said in text for said in NOISE):
            self.seen.add(where)
            note(text[:300])


def capture_logs() -> LogTail:
    """Send all logs to a LogTail, and quiet what prints by itself."""
    import warnings

    warnings.filterwarnings("ignore")
    tail = LogTail()
    logging.basicConfig(level=logging.INFO, handlers=[tail], force=True)
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    for name in ("httpx", "urllib3", "filelock", "fsspec", "datasets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return tail


def adopt_loggers(tail: LogTail) -> None:
    """Take the loggers of libraries that print by themselves, once these are imported."""
    for name in ("huggingface_hub", "transformers", "datasets", "accelerate"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [tail], False


@contextlib.contextmanager
def sweep_progress(total: int) -> Iterator[Callable[[str, str | None], None]]:
    """Yields a function (what runs now, what it gave): a bar with an ETA in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        done = 0

        def line(title: str, result: str | None) -> None:
            nonlocal done
            if result is not None:
                done += 1
                note(f"[{done}/{total}] {title}: {result}")

        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        entry = bar.add_task("", total=total)

        def show(title: str, result: str | None) -> None:
            bar.update(entry, description=title, advance=0 if result is None else 1)

        yield show


def quiet_libraries() -> None:
    """What must be said before lm-eval, datasets and torch are imported."""
    os.environ["TQDM_DISABLE"] = "1"
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("lm_eval.config.task", "lm_eval.tasks.manager", "lm_eval.tasks._index", "lm_eval.models.huggingface"):
        logging.getLogger(name).setLevel(logging.ERROR)
