"""Processes within limits of time and memory, ended with all that they started."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from napari_spatialrecon.durations import duration
from napari_spatialrecon.errors import InputError, SpatialReconError, Stopped
from napari_spatialrecon.progress import ShouldStop

_POLL_S = 0.1
#: Lines of output that a failure without a reason is explained by.
_TAIL = 8
CHILD = (sys.executable, "-m", "napari_spatialrecon.comparison.child")


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    code
        Its exit code; negative: the signal that ended it.
    reason
        Why it was ended, or nothing.
    peak_bytes
        Most memory of the process and those that it started, read ten times a second.
    """

    code: int
    reason: str
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Limits:
    """What a process may take."""

    seconds: float
    memory_bytes: float


class Servant:
    """A process that answers a JSON object a line; started when it is first asked."""

    def __init__(self, duty: str, log: Path) -> None:
        self._duty, self._log = duty, log
        self._child: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes] = queue.Queue()

    def close(self) -> None:
        """End the process; a log that says nothing is removed."""
        if self._child is not None:
            _end_group(self._child.pid)
            self._child.wait()
            self._child = None
        if self._log.is_file() and not self._log.stat().st_size:
            self._log.unlink()

    def send(self, request: dict[str, Any]) -> None:
        """Ask."""
        if self._child is None:
            self._start()
        assert self._child is not None and self._child.stdin is not None
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        self._child.stdin.flush()

    def answer(self, seconds: float = _POLL_S) -> Any:
        """Return the next answer, or None if there is none within a time.

        Raises
        ------
        SpatialReconError
            The process ended.
        """
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        if line:
            return json.loads(line)
        code = self._child.wait() if self._child is not None else 0
        self._child = None
        raise SpatialReconError(f"Expected an answer, found exit code {code}; see {self._log}.")

    def _start(self) -> None:
        answers: queue.Queue[bytes] = queue.Queue()
        self._answers = answers
        with self._log.open("ab") as log:
            # A session of its own: it ends with all that it started, and Ctrl-C does not reach it.
            self._child = child = subprocess.Popen(
                [*CHILD, self._duty],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=sys.platform != "win32",
            )
        assert child.stdout is not None
        threading.Thread(target=_pass_on, args=(child.stdout, answers), daemon=True).start()


def _pass_on(lines: IO[bytes], answers: queue.Queue[bytes]) -> None:
    with lines:
        for line in lines:
            answers.put(line)
    answers.put(b"")


class Court:
    """The processes of a comparison: one that knows the answers, and one that starts the others."""

    def __init__(self, folder: Path) -> None:
        self._judge = Servant("judge", folder / "judge.log")
        self._nursery = Servant("nursery", folder / "nursery.log")

    def __enter__(self) -> Court:
        return self

    def __exit__(self, *_: object) -> None:
        self._judge.close()
        self._nursery.close()

    def ask(self, request: dict[str, Any], should_stop: ShouldStop) -> Any:
        """Return the answer of the process that knows the truth.

        Raises
        ------
        Stopped
            The user stopped the comparison.
        InputError
            The inputs are wrong.
        SpatialReconError
            It failed.
        """
        self._judge.send(request)
        while True:
            if should_stop():
                raise Stopped()
            found = self._judge.answer()
            if found is None:
                continue
            if "wrong" in found:
                raise InputError(found["wrong"])
            if "error" in found:
                raise SpatialReconError(found["error"])
            return found["answer"]

    def run(
        self,
        request: Path,
        log: Path,
        limits: Limits,
        should_stop: ShouldStop,
        spent: float = 0.0,
    ) -> Ended:
        """Run a request in a process of its own, to its end or to a limit.

        Parameters
        ----------
        spent
            Seconds of the limit that earlier parts of the cell took.

        Raises
        ------
        Stopped
            The user stopped the comparison; the process is ended within a tenth of a second.
        """
        start, peak = time.monotonic(), 0
        self._nursery.send({"request": str(request), "log": str(log)})
        pid: int | None = None
        while pid is None:
            found = self._nursery.answer()
            pid = None if found is None else found["pid"]
            if pid is None and should_stop():
                raise Stopped()
        code, reason = None, ""
        while code is None:
            found = self._nursery.answer()
            code = None if found is None else found["code"]
            peak = max(peak, now := _memory(pid))
            if code is not None or reason:
                continue
            if should_stop():
                _end_group(pid)
                raise Stopped()
            if now > limits.memory_bytes:
                reason = f"needs more than the {limits.memory_bytes / 1e9:.1f} GB of memory allowed"
            elif spent + time.monotonic() - start > limits.seconds:
                reason = f"takes longer than the {duration(limits.seconds)} allowed"
            if reason:
                _end_group(pid)
        return Ended(code, reason, time.monotonic() - start, peak)


def explained(ended: Ended, log: Path) -> str:
    """Return why a process that left no reason failed."""
    if ended.reason:
        return ended.reason
    if ended.code == -9:
        return "killed by the operating system; it probably ran out of memory"
    if ended.code < 0:
        return f"crashed ({signal.Signals(-ended.code).name})"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    last = " / ".join(text.strip().splitlines()[-_TAIL:]) or "it printed nothing"
    return f"ended with exit code {ended.code}: {last}"


def _end_group(pid: int) -> None:
    """End a process and those that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
        if sys.platform == "win32":
            for one in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
                one.kill()
        else:
            os.killpg(pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Return the memory of a process and of those that it started, in bytes."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total
