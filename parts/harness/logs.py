"""Log lines of a harness kept for failures, and the progress of a sweep."""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator

from parts.frame import LOG_LINES, note
from parts.harness.surroundings import wall_off_folder
from parts.outgoing import terminal_console
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
    """Keeps the last log lines for failure files, and shows each kind of warning once unless it is `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(logging.WARNING if quiet else logging.INFO)
        self.quiet = quiet
        self.lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self.seen: set[tuple[str, int]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = scrub(f"{record.levelname.lower()}: {record.getMessage()}")
        self.lines.append(text[:500])
        where = record.name, record.lineno
        if self.quiet or record.levelno < logging.WARNING or where in self.seen:
            return
        if not any(said in text for said in NOISE):
            self.seen.add(where)
            note(text[:300])


def capture_logs(quiet: bool = False) -> LogTail:
    """Send all logs to a LogTail, quiet what prints, wall off the folder; to be called before a harness is imported."""
    import warnings

    wall_off_folder()
    tail = LogTail(quiet)
    logging.basicConfig(level=tail.level, handlers=[tail], force=True)
    warnings.filterwarnings("ignore")
    for name in ("HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS", "TQDM_DISABLE"):
        os.environ[name] = "1"
    # Threads that wait by spinning make a busy CPU many times slower; this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("httpx", "urllib3", "filelock", "fsspec", "datasets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("config.task", "tasks.manager", "tasks._index", "models.huggingface"):
        logging.getLogger(f"lm_eval.{name}").setLevel(logging.ERROR)
    return tail


def adopt_loggers(tail: LogTail) -> None:
    """Take the loggers of libraries that print by themselves, once these are imported."""
    for name in ("huggingface_hub", "transformers", "datasets", "accelerate"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [tail], False


@contextlib.contextmanager
def run_progress(total: int, unit: str = "") -> Iterator[Callable[..., None]]:
    """Yields show(title, result, done): what runs now, what it gave (None: nothing yet), how many are done by that.

    In a terminal a bar with rate and time left, above which results are printed; elsewhere a line for each result.
    """
    done = 0
    if not sys.stderr.isatty():

        def line(title: str, result: str | None = None, more: int = 0) -> None:
            nonlocal done
            done += more
            if result is not None:
                note(f"[{done}/{total}{unit}] {title}: {result}")

        yield line
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    texts = TextColumn("{task.fields[rate]}", markup=False), TextColumn("{task.description}", markup=False)
    columns = [BarColumn(), MofNCompleteColumn(), texts[0], TimeElapsedColumn(), TimeRemainingColumn(), texts[1]]
    with Progress(*columns, console=terminal_console(stderr=True), transient=True) as bar:
        entry = bar.add_task("", total=total, rate="")

        def show(title: str, result: str | None = None, more: int = 0) -> None:
            speed = bar.tasks[0].speed
            bar.update(entry, advance=more, rate=f"{speed:.1f}{unit}/s" if speed and unit else "")
            if title:
                bar.update(entry, description=title)
            if result is not None:
                bar.console.print(f"{title}: {result}", markup=False, highlight=False)

        yield show
