"""Long work in a separate process: a crash or lack of memory ends the run, not the window.

The command line reports on stderr, one JSON object per line (``--progress json``)::

    {"stage": "Training", "step": 40, "total": 300, "eta_s": 12.5, "metrics": {"loss": 0.3}}

Every other line of stderr is a message for the user.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from napari_spatialrecon.errors import InputError, SpatialReconError, Stopped
from napari_spatialrecon.faces import RELAYED
from napari_spatialrecon.progress import Progress, ProgressCallback, ShouldStop

KILL_AFTER_S = 3.0
"""How long a process that was asked to stop may take."""
_POLL_S = 0.05
_KEPT_LINES = 200
_WRONG_INPUT, _STOPPED = 2, 130


@dataclass(frozen=True)
class SubprocessWork:
    """Work for `Run`, done by one call of the command line.

    Parameters
    ----------
    arguments
        Arguments of ``spatialrecon``, for instance ``["place", "--reference", "a.h5ad", ...]``.
    program
        The command that starts it.

    Raises
    ------
    Stopped
        It was stopped on request.
    InputError
        The command rejected its input (exit code 2); the message is that of the command.
    SpatialReconError
        The command failed in any other way; the message has the last line it printed.
    """

    arguments: Sequence[str]
    program: Sequence[str] = (sys.executable, "-m", "napari_spatialrecon")

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> str:
        """Run the command to its end and return what it wrote on stdout."""
        process = _start([*self.program, *self.arguments, "--progress", "json"])
        output = _listen(process.stdout)
        messages: deque[str] = deque(maxlen=_KEPT_LINES)
        asked_at: float | None = None
        try:
            for line in _until_end(_listen(process.stderr)):
                if (found := parse_progress(line)) is not None:
                    progress(found)
                elif line:
                    messages.append(line)
                if should_stop():
                    asked_at = asked_at or _ask_to_stop(process)
                    if time.monotonic() - asked_at > KILL_AFTER_S:
                        _kill(process)
        finally:
            if sys.exc_info()[0] is not None:
                _kill(process)
            code = process.wait()
        if code != 0:
            raise _error(code, list(messages), asked=asked_at is not None)
        return "\n".join(line for line in _until_end(output) if line)


def parse_progress(line: str) -> Progress | None:
    """Return the progress that a line of stderr reports, or None for a message.

    Examples
    --------
    >>> parse_progress('{"stage": "Training", "step": 2, "total": 4}').total
    4
    >>> parse_progress("Reading slide.h5ad") is None
    True
    """
    if not line.startswith("{"):
        return None
    try:
        content = json.loads(line)
        return Progress(
            str(content["stage"]),
            int(content["step"]),
            None if content.get("total") is None else int(content["total"]),
            float(content.get("elapsed_s") or 0.0),
            None if content.get("eta_s") is None else float(content["eta_s"]),
            {
                str(name): math.nan if value is None else float(value)
                for name, value in (content.get("metrics") or {}).items()
            },
            None if content.get("left_s") is None else float(content["left_s"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    # A separate process group, so that the signal reaches the command and not the window.
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", RELAYED: "1"},
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


def _listen(stream: IO[str] | None) -> queue.Queue[str | None]:
    """Return a queue that a thread fills with the lines of a stream, then None."""
    assert stream is not None
    lines: queue.Queue[str | None] = queue.Queue()

    def fill() -> None:
        with stream:
            for line in stream:
                lines.put(line.strip())
        lines.put(None)

    threading.Thread(target=fill, daemon=True).start()
    return lines


def _until_end(lines: queue.Queue[str | None]) -> Iterator[str]:
    """Yield lines until the stream ends, and an empty string while there are none."""
    while True:
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the process and all its children."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _ask_to_stop(process: subprocess.Popen[str]) -> float:
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.send_signal(signal.SIGINT)
    return time.monotonic()


def _error(code: int, messages: list[str], *, asked: bool) -> SpatialReconError:
    if asked or code in (_STOPPED, -signal.SIGINT):
        return Stopped()
    if code == _WRONG_INPUT:
        return InputError("\n".join(messages) or "The command rejected its input.")
    if code == -9 or code == 137:
        return SpatialReconError(
            "Expected the run to finish, found it killed by the operating system.",
            remedy="Try fewer cells or the preset quick; it probably ran out of memory.",
        )
    last = messages[-1] if messages else "it printed nothing"
    error = SpatialReconError(
        f"Expected the run to succeed, found exit code {code} ({last}).",
        remedy="Try Details, which shows everything it printed.",
    )
    error.add_note("\n".join(messages))
    return error
