"""Terminal output of a command, and handling of Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.batch.sample import STOPPED, WATCHED
from napari_spatialrecon.claims import wait_for_others
from napari_spatialrecon.durations import duration
from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.faces import spoken
from napari_spatialrecon.progress import Progress

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.memory import Need

_GRACE_S = 4.0
"""How long a run whose starter is gone may take to keep its state."""
_ORPHAN_S = 2.0
"""How long before that it may not have heard of it."""


def limit_threads(threads: int | None) -> None:
    """Limit the number of threads; must run before numerical libraries are imported."""
    if threads is not None and threads < 1:
        raise ConfigError(f"Expected at least 1 thread, found {threads}.", where="--threads")
    free = max(1, (os.cpu_count() or 2) - 1)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads or os.environ.get(name, free))


def stop_on_interrupt() -> threading.Event:
    """Turn the first Ctrl-C, or SIGTERM, into a stop request; a second one ends it at once.

    So does the end of stdin, where the program that started this one asks for it.
    """
    stop = threading.Event()
    if os.environ.pop(WATCHED, None):
        wait_for_others(_GRACE_S + _ORPHAN_S)  # of an earlier batch whose end they have yet to hear
        threading.Thread(target=_stop_with_stdin, args=(stop,), daemon=True).start()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, on_interrupt)
        signal.signal(signal.SIGTERM, on_interrupt)
    return stop


def _stop_with_stdin(stop: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 1024):
            pass
    stop.set()
    time.sleep(_GRACE_S)
    os._exit(STOPPED)


class Approval:
    """Asks at a terminal whether a run that may not fit the memory is wanted; refuses elsewhere.

    Parameters
    ----------
    given
        Whether it was wanted from the start (``--over-memory``).
    """

    def __init__(self, given: bool) -> None:
        self._given = given

    def __call__(self, need: Need) -> None:
        """Return if the run is wanted.

        Raises
        ------
        InputError
            It is not, or nobody can be asked.
        """
        if self._given:
            print(f"warning: {need.words}", file=sys.stderr, flush=True)
            return
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
            raise need.refusal()
        print(f"\n{need.doubt} {spoken(need.offer)}", file=sys.stderr)
        print("Run all the same? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise need.refusal()


class Bar:
    """Progress on stderr: a bar, JSON lines, or nothing."""

    def __init__(self, kind: str) -> None:
        if kind == "auto":
            kind = "bar" if sys.stderr.isatty() else "none"
        self.kind = kind
        self._bar: Any = None
        self._stage = ""
        self._told = False
        self._warned: set[str] = set()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show the progress of the run; above it, warnings and how long it is expected to take."""
        if self.kind != "json":
            self._warn(progress.warnings)
        if progress.expected is not None and not self._told and self.kind == "bar":
            self._told = True
            print(f"expected: {progress.expected.words}", file=sys.stderr)
        if self.kind == "json":
            content = {
                "stage": progress.stage,
                "step": progress.step,
                "total": progress.total,
                "eta_s": progress.eta_s,
                "metrics": dict(progress.metrics),
                "left_s": progress.left_s,
                "warnings": list(progress.warnings),
            }
            print(json.dumps(content), file=sys.stderr, flush=True)
        elif self.kind == "bar":
            self._draw(progress)

    def _warn(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            if warning in self._warned:
                continue
            self._warned.add(warning)
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            print(f"warning: {warning}", file=sys.stderr, flush=True)

    def _draw(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is None or progress.stage != self._stage:
            if self._bar is not None:
                self._bar.close()
            self._stage = progress.stage
            self._bar = tqdm(total=progress.total, desc=progress.stage, file=sys.stderr)
        self._bar.n = progress.step
        shown = {k: f"{v:.3g}" for k, v in progress.metrics.items()}
        if progress.left_s is not None:
            shown["left"] = duration(progress.left_s)
        self._bar.set_postfix(shown, refresh=False)
        self._bar.refresh()
