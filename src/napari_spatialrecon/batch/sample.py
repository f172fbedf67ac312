"""The run of one sample: a command of its own, wherever it is started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from napari_spatialrecon.claims import wait_until_free

#: Environment variable by which a command ends once the program that started it is gone.
WATCHED = "SPATIALRECON_WATCHED"
#: Exit codes of a command; one that was killed has none of these.
DONE, STOPPED = 0, 130
_POLL_S = 0.1
_GRACE_S = 5.0
"""How long a stopped command may take to keep its state."""
_FREE_S = 15.0
"""How long the output may still be held by a run whose worker was killed."""
_TAIL = 3


def run_sample(words: Sequence[str], out: str, log: str, stop: str) -> tuple[int, str, float]:
    """Run a command in a process of its own, and wait for it.

    Parameters
    ----------
    words
        The command, without ``spatialrecon``.
    out, log
        What it writes, and the file for what it says.
    stop
        The command is stopped as soon as this file exists.

    Returns
    -------
    Exit code, why it failed, and seconds.
    """
    began = time.monotonic()
    wait_until_free(Path(out), _FREE_S)
    code = STOPPED
    if not Path(stop).exists():
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        with Path(log).open("wb") as said:
            code = _code(words, said, Path(stop))
    reason = "" if code == DONE else _reason(code, Path(log))
    if Path(log).is_file() and not Path(log).stat().st_size:
        Path(log).unlink()
    return code, reason, time.monotonic() - began


def _code(words: Sequence[str], said: IO[bytes], stop: Path) -> int:
    # The command hears that this process ended, however it did, by the end of its stdin.
    child = subprocess.Popen(
        [sys.executable, "-m", "napari_spatialrecon", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
        env={**os.environ, WATCHED: "1"},
    )
    assert child.stdin is not None
    try:
        while (code := child.poll()) is None:
            if stop.exists():
                break
            time.sleep(_POLL_S)
        else:
            return code
        child.stdin.close()
        return child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        return STOPPED
    finally:
        child.stdin.close()
        child.kill()
        child.wait()


def _reason(code: int, log: Path) -> str:
    if code == STOPPED:
        return "stopped"
    if code < 0:
        by = "it probably ran out of memory" if code == -9 else f"signal {-code}"
        return f"ended by the system ({by})"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    own = [n for n, line in enumerate(lines) if line.startswith("spatialrecon: ")]
    told = lines[own[-1] :] if own else lines[-_TAIL:]
    return " ".join(told).removeprefix("spatialrecon: ") or f"exit code {code}"
