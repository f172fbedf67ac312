"""Runs the samples of a batch side by side, and tells how each of them ended."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_spatialrecon.batch.sample import DONE, STOPPED, run_sample
from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.progress import Reporter

#: How a sample ended.
FINISHED, KEPT, FAILED, NOT_RUN = "done", "kept", "failed", "not run"
_WAIT_S = 0.2

#: Opens what runs the samples.
Opening = AbstractContextManager[Executor]


@dataclass(frozen=True)
class Job:
    """A sample to run.

    Parameters
    ----------
    words
        Its command, without ``spatialrecon``.
    out
        Its result, as named in the command.
    """

    name: str
    words: tuple[str, ...]
    out: Path

    @property
    def record(self) -> Path:
        """The record beside the result."""
        return self.out.with_suffix(".run.json")

    @property
    def state(self) -> Path:
        """What a stopped run keeps, to be resumed."""
        return self.out.with_name(f"{self.out.stem}.resume")


@dataclass(frozen=True)
class Outcome:
    """How a sample ended: done, kept from an earlier batch, failed or not run."""

    job: Job
    status: str
    reason: str = ""
    seconds: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)


@contextmanager
def on_this_machine(workers: int) -> Iterator[Executor]:
    """Open threads that each wait for the process of a sample."""
    with ThreadPoolExecutor(workers) as pool:
        yield pool


def run_batch(
    jobs: Sequence[Job],
    folder: Path,
    opening: Callable[[], Opening],
    reporter: Reporter,
    tell: Callable[[Outcome], None],
    *,
    again: bool = False,
) -> list[Outcome]:
    """Run samples, but those whose result was made by the same command.

    Parameters
    ----------
    folder
        Of the batch; what each sample says is written to ``logs`` in it.
    opening
        Opens the executor; not called if nothing is left to run.
    tell
        Called as each sample ends, also with those that were kept.
    again
        Run those, too.

    Returns
    -------
    Their outcomes in the order of the jobs; a sample that fails leaves the others running.

    Raises
    ------
    Stopped
        The user stopped the batch. What is done is kept, and so is the state of what was running.
    """
    found = {} if again else {job.name: kept for job in jobs if (kept := _kept(job)) is not None}
    for outcome in found.values():
        tell(outcome)
    left = [job for job in jobs if job.name not in found]
    reporter.begin("Samples", len(jobs))
    reporter.step(len(found), at_once=True)
    if left:
        with opening() as executor:
            folder.mkdir(parents=True, exist_ok=True)
            for outcome in _ended(left, folder, executor, reporter):
                found[outcome.job.name] = outcome
                tell(outcome)
                reporter.step(len(found), at_once=True)
    return [found[job.name] for job in jobs]


def _ended(
    jobs: Sequence[Job], folder: Path, executor: Executor, reporter: Reporter
) -> Iterator[Outcome]:
    stop = folder / f".stop-{uuid.uuid4().hex[:8]}"
    asked: dict[Future[Any], Job] = {
        executor.submit(
            run_sample, _resumed(job), str(job.out), str(_log(job, folder)), str(stop)
        ): job
        for job in jobs
    }
    try:
        waiting = set(asked)
        while waiting:
            ended, waiting = wait(waiting, _WAIT_S, FIRST_COMPLETED)
            for one in ended:
                yield _outcome(asked[one], one)
            if reporter.stop_requested:
                raise Stopped()
    except BaseException:
        stop.touch()
        for one in asked:
            one.cancel()
        wait([one for one in asked if not one.cancelled()], 10.0)
        raise
    finally:
        stop.unlink(missing_ok=True)


def _log(job: Job, folder: Path) -> Path:
    return folder / "logs" / f"{job.name}.log"


def _resumed(job: Job) -> list[str]:
    return [*job.words, *(["--resume", str(job.state)] if job.state.is_dir() else [])]


def _outcome(job: Job, ended: Future[Any]) -> Outcome:
    try:
        code, reason, seconds = ended.result()
    except Exception as error:  # the worker died too often, or the scheduler is gone
        return Outcome(job, FAILED, f"its worker ended: {type(error).__name__}: {error}")
    if code == DONE:
        return Outcome(job, FINISHED, "", seconds, _record(job))
    return Outcome(job, NOT_RUN if code == STOPPED else FAILED, reason, seconds)


def _kept(job: Job) -> Outcome | None:
    """Return the outcome of a sample whose result was made by the same command."""
    record = _record(job) if job.out.exists() else {}
    settings = record.get("settings")
    made_by = settings.get("command") if isinstance(settings, dict) else None
    try:
        words = shlex.split(made_by)[1:] if isinstance(made_by, str) else []
    except ValueError:
        return None
    at = words.index("--resume") if "--resume" in words else len(words)
    if words[:at] + words[at + 2 :] != list(job.words):
        return None
    return Outcome(job, KEPT, "", 0.0, record)


def _record(job: Job) -> dict[str, Any]:
    try:
        return dict(read_record(job.record))
    except (OSError, ValueError, AttributeError, json.JSONDecodeError, RecursionError):
        return {}
