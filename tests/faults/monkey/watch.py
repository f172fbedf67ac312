"""What goes wrong in a window while a monkey acts in it, and what is left of what it opened."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

BEAT_S, SLOW_S = 0.05, 2.0
#: Messages of Qt about the machine, not about us.
_NOISE = (
    "propagateSizeHints",
    "Could not find the Qt platform",
    "QStandardPaths",
    "qt.qpa",
    "XDG_RUNTIME_DIR",
    "libEGL",
    "MESA",
)


class Watch:
    """Hears of errors, warnings and a window that does not answer.

    Attributes
    ----------
    misses
        What went wrong, each with the act that was under way.
    known
        How often an error with a remedy was shown: that is no miss.
    longest, busiest
        Seconds that the window took to answer at most, and that it was at work itself meanwhile.
    """

    def __init__(self) -> None:
        from napari._qt.qt_event_loop import get_qapp
        from napari.utils.notifications import notification_manager
        from qtpy.QtCore import QTimer, qInstallMessageHandler

        get_qapp()  # without which no timer runs
        self.misses: list[str] = []
        self.known: Counter[str] = Counter()
        self.longest, self.busiest, self._doing = 0.0, 0.0, "start"
        self._beat, self._cpu, self._stack = time.monotonic(), time.thread_time(), ""
        self._main = threading.main_thread().ident
        qInstallMessageHandler(self._qt)
        sys.excepthook = self._raised
        sys.unraisablehook = lambda held: self.miss(
            f"unraisable in {held.object}", _text(held.exc_value)
        )
        threading.excepthook = lambda held: self.miss("in a thread", _text(held.exc_value))
        notification_manager.notification_ready.connect(self._notified)
        self._manager = notification_manager
        log = logging.getLogger("napari_spatialrecon")
        log.addHandler(_Heard(self))
        self.timer = QTimer()
        self.timer.timeout.connect(self.beat)
        self.timer.start(round(1e3 * BEAT_S))
        threading.Thread(target=self._look, name="monkey: watch", daemon=True).start()

    def begin(self, what: str) -> None:
        """Say what is about to be done."""
        self._doing = what

    def rest(self) -> None:
        """Leave out of the measurement what the rig itself did since the last beat."""
        self._beat, self._cpu, self._stack = time.monotonic(), time.thread_time(), ""

    def miss(self, what: str, details: str = "") -> None:
        """Note something that went wrong."""
        self.misses.append(f"MISS {self._doing}: {what}\n{details}".rstrip())

    def beat(self) -> None:
        """Measure how long the window took to come back to its events."""
        now, cpu, load = time.monotonic(), time.thread_time(), os.getloadavg()[0]
        wait, used = now - self._beat, cpu - self._cpu
        self.longest, self.busiest = max(self.longest, wait), max(self.busiest, used)
        idle = load < (os.cpu_count() or 1)  # else others may have had the processor
        if used > SLOW_S or (idle and wait > SLOW_S):
            told = (
                f"no answer for {wait:.1f} s ({used:.1f} s of its own processor, load {load:.1f})"
            )
            self.miss(told, self._stack)
        self._beat, self._cpu, self._stack = now, cpu, ""

    def _look(self) -> None:
        """Keep where the window's thread is while it does not answer."""
        while True:
            time.sleep(0.25)
            if time.monotonic() - self._beat > SLOW_S * 0.6 and not self._stack:
                self._stack = _where(self._main or 0)

    def _raised(self, kind: Any, error: BaseException, trace: Any) -> None:
        if isinstance(error, KeyboardInterrupt):
            os._exit(130)
        self.miss("raised", _text(error))

    def _qt(self, kind: Any, context: Any, text: str) -> None:
        if int(getattr(kind, "value", kind)) in (1, 2, 3) and not any(n in text for n in _NOISE):
            self.miss(f"Qt says: {text}", "".join(traceback.format_stack()[-6:-1]))

    def _notified(self, note: Any) -> None:
        self._manager.records.clear()  # napari keeps all of them
        if str(note.severity) not in ("error", "warning"):
            return
        if "Try " in note.message:
            self.known[note.message.splitlines()[0][:70]] += 1
        elif str(note.severity) == "error":
            error = getattr(note, "exception", None)
            self.miss(f"napari shows: {note.message}", _text(error) if error else "")


def _where(thread: int) -> str:
    """Return where a thread is, the latest call first, without holding its frames.

    A frame that is held keeps what its function has: a painter whose function has returned stayed
    open, of which Qt warns, and Python ended when its widget was deleted.
    """
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        found = file.read().partition(f"hread 0x{thread:016x} ")[2]
    return "\n".join(found.partition("\n\n")[0].splitlines()[1:13])


class _Heard(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self.watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self.watch.miss(f"logged: {record.getMessage()}")


def _text(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error))[-3000:]


class _Malloc(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _allocated() -> float:
    """Return the bytes that were allocated by malloc and not freed; nan where that is unknown.

    What else a process holds of freed memory lies between them, and cannot be given back.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return float("nan")
    libc.mallinfo2.restype = _Malloc
    found = libc.mallinfo2()
    return float(found.uordblks + found.hblkhd)


def _own_memory() -> float:
    """Return the bytes of memory that are this process's own.

    Those of libraries are read from their files as they are used, and dropped where room is needed.
    """
    import psutil

    own = ("RssAnon", "RssShmem")
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return sum(1024.0 * int(line.split()[1]) for line in lines if line.startswith(own))
    except OSError:
        return float(psutil.Process().memory_info().rss)


def kept_in(home: Path) -> list[Path]:
    """Return temporary files and folders, but no copy that an open window keeps aside.

    Nor the modules that torch_geometric writes for a process, one for each kind of convolution.
    """
    from napari_spatialrecon.viewer.session.keeper import _keepers

    copies = [keeper.aside for keeper in _keepers.values()]
    found = [p for p in (home / "tmp").rglob("*") if not p.name.startswith("torch_geometric.")]
    return [path for path in found if not any(path.is_relative_to(copy) for copy in copies)]


def counted(home: Path) -> dict[str, float]:
    """Count what this process holds, once everything was closed; memory in MB."""
    import psutil
    from napari.components import ViewerModel
    from napari.layers import Layer
    from qtpy.QtWidgets import QApplication
    from vispy.gloo.context import GLContext
    from vispy.gloo.glir import GlirParser

    from napari_spatialrecon.viewer.window import garbage
    from napari_spatialrecon.viewer.window.allocator import close_fonts, give_back
    from napari_spatialrecon.viewer.workbench.widget import Workbench

    gc.unfreeze()
    for _ in range(3):
        gc.collect()
    found: Counter[str] = Counter()
    import anndata

    kinds = {
        "layers": Layer,
        "viewers": ViewerModel,
        "tables": anndata.AnnData,
        "contexts": GLContext,
        "workbenches": Workbench,
    }
    parsers = []
    objects = gc.get_objects()
    for one in objects:
        kind = type(one)
        for name, wanted in kinds.items():
            if issubclass(kind, wanted):
                found[name] += 1
        if issubclass(kind, GlirParser):
            parsers.append(one)
    n_objects = len(objects)
    del objects
    if garbage.age():
        garbage.leave_out()
    close_fonts()  # as a window does while hands rest
    give_back()
    ctypes.CDLL(None).malloc_trim(0)
    process = psutil.Process()
    return {
        "MB": round(_own_memory() / 1e6),
        "MB of files": round((process.memory_info().rss - _own_memory()) / 1e6),
        "modules": len(sys.modules),
        "allocated": round(_allocated() / 1e6),
        "threads": process.num_threads(),  # Python remembers those of Qt that have ended
        "processes": len(process.children(recursive=True)),
        "folders": len(kept_in(home)),
        "descriptors": process.num_fds(),
        # A text stands for one that was deleted, until the next commands are sent.
        "GL objects": sum(not isinstance(o, str) for p in parsers for o in p._objects.values()),
        **{name: found[name] for name in kinds},
        "widgets": len(QApplication.allWidgets()),
        "objects": n_objects,
    }
