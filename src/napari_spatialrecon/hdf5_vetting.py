"""Opens HDF5 files that anyone may have made, after another process has walked through them.

A few damaged bytes can make the library of HDF5 read where it must not, which ends Python whatever
is caught. So a process that does nothing else looks at each file first (`hdf5_walk`): if it ends
there, the file is damaged. The process starts with the first file, and ends with this one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

#: The signal of a process that has had all its time; signals that end one by its own fault.
_ENDLESS = int(getattr(signal, "SIGXCPU", 0))
_CRASHES = {
    int(getattr(signal, name))
    for name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL", "SIGXCPU")
    if hasattr(signal, name)
}
#: What the process says as it starts, of a file, and of one with a part that wants more memory than
#: any has; and the exit code with which it ends if a walk takes too long.
READY, WALKED, ABSURD, LATE = "ready", "walked", "absurd", 1
_SCRIPT = Path(__file__).with_name("hdf5_walk.py")
#: A file of at most so many bytes is damaged if its walk takes longer; others go unvetted.
_QUICK = 8 << 20
#: Files that are remembered, until they change.
_REMEMBERED = 512


class DamagedError(OSError):
    """HDF5 crashes on a file, wants absurdly much memory for a part of it, or never ends."""


class _Damaged(Exception):
    """The process that walks met what no intact file has.

    Attributes
    ----------
    surely
        A process that met no other file need not be asked, too.
    """

    def __init__(self, surely: bool = False) -> None:
        self.surely = surely


class _Untold(Exception):
    """The process does not tell: it was ended by something else, or a large file takes long."""


def opened(path: str | Path) -> h5py.File:
    """Return an HDF5 file, opened to be read.

    Raises
    ------
    OSError
        There is no such file, it is none of HDF5, or it is damaged so that HDF5 would crash.

    Examples
    --------
    >>> import h5py, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.h5"
    >>> with h5py.File(path, "w") as file:
    ...     file["x"] = [1, 2, 3]
    >>> with opened(path) as file:
    ...     list(file)
    ['x']
    """
    import h5py

    vet(path)
    return h5py.File(path, "r")


def vet(path: str | Path) -> None:
    """Raise `DamagedError` if HDF5 crashes on a file, wants absurdly much memory, or never ends.

    Nothing is raised about one that cannot be looked at.
    """
    import h5py

    try:
        state = Path(path).stat()
        if not h5py.is_hdf5(path):
            return
    except OSError:
        return
    key = (str(Path(path).absolute()), state.st_size, state.st_mtime_ns, state.st_ino)
    with _lock:
        if key not in _known:
            _known[key] = _survives(key[0])
            while len(_known) > _REMEMBERED:
                _known.popitem(last=False)
        if not _known[key]:
            raise DamagedError(f"HDF5 cannot read {path}")


def start() -> None:
    """Start the process, so that it is ready when the first file is opened."""
    with _lock:
        _walking()


class _Walker:
    """A process that walks through files.

    Attributes
    ----------
    walked
        Number of files that it was asked about.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            # -P: no module comes from the folder of the script, or from where it is started
            [sys.executable, "-P", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.walked = 0
        self._ready = False

    def walk(self, path: str) -> None:
        """Walk through a file.

        Raises
        ------
        _Damaged
            The process crashed or does not end, or a part wants more memory than any part has.
        _Untold
            A large file takes too long, or the process was ended by something else.
        """
        asked, told = self._child.stdin, self._child.stdout
        assert asked is not None and told is not None
        # No thread listens: Python could free there what Qt must not have freed elsewhere.
        self._ready = self._ready or told.readline().strip() == READY
        if not self._ready:
            raise _Untold
        self.walked += 1
        try:
            asked.write(json.dumps(path) + "\n")
            asked.flush()
        except OSError as error:
            raise _Untold from error
        answer = told.readline().strip()
        if answer == WALKED:
            return
        code = 0 if answer else self._child.wait()
        if code == LATE and Path(path).stat().st_size > _QUICK:
            raise _Untold
        if answer == ABSURD or code == LATE or _is_crash(code):
            raise _Damaged(surely=code in (LATE, -_ENDLESS))
        raise _Untold

    def end(self) -> None:
        self._child.kill()
        self._child.communicate()


def _is_crash(code: int) -> bool:
    """Return whether an exit code tells of a crash: by a signal, or by an exception of Windows."""
    return -code in _CRASHES or code >= 0xC0000000


_lock = threading.Lock()
_known: OrderedDict[tuple[str, int, int, int], bool] = OrderedDict()
_walkers: list[_Walker] = []


def _walking() -> _Walker | None:
    """Return the process, started if there is none; None where none can be started."""
    if not _walkers:
        if getattr(sys, "frozen", False):  # the executable is no Python
            return None
        try:
            _walkers.append(_Walker())
        except (OSError, ValueError):
            return None
    return _walkers[0]


def _survives(path: str) -> bool:
    """Return whether a process that walked through nothing else survives a file, or cannot tell."""
    while (walker := _walking()) is not None:
        fresh = not walker.walked
        try:
            walker.walk(path)
        except BaseException as error:
            _end()
            if isinstance(error, _Untold):
                return True
            if not isinstance(error, _Damaged):
                raise
            if fresh or error.surely:
                return False
        else:
            return True
    return True


@atexit.register
def _end() -> None:
    while _walkers:
        _walkers.pop().end()


def _begin_anew() -> None:
    """Leave the process to the one that was forked; its answers are not ours."""
    global _lock
    _lock = threading.Lock()
    _walkers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
