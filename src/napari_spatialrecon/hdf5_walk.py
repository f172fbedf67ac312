"""Walks through HDF5 files in a process of its own: what crashes HDF5 there, harms nothing here.

Each line of stdin is a file as JSON; each is answered by a line once it has been walked through.
What is raised meanwhile says nothing, since whoever reads the file meets it, too, unless it is that
some part wants more memory than any part has. The script needs only h5py, and is not imported by
the package (`hdf5_vetting` starts it).
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py

READY, WALKED, ABSURD = "ready", "walked", "absurd"
#: A file of at most so many bytes is read whole, of a larger one the ends of each dataset.
_SMALL = 8 << 20
#: Bytes that are read of one dataset, and that one of its chunks may have.
_MOST, _CHUNK = 32 << 20, 64 << 20
#: Rows at either end of a dataset of a large file.
_ROWS = 1000
#: Seconds of the processor after which a walk has seen enough, and that a single look may take.
_ENOUGH_S, _LONGEST_S = 1.0, 3.0
#: Seconds by the clock that a walk may take: on a busy machine, or from a slow disk.
_PATIENCE_S = 15.0
#: Bytes of memory beyond those of the process, of which none of the above needs half.
_MEMORY = 512 << 20


class AbsurdError(Exception):
    """A part of a file states a size that it cannot have."""


def walk(path: str) -> None:
    """Look at every object, attribute and dataset of a file, each once.

    Raises
    ------
    AbsurdError
        One of them wants more memory than the process may have.
    OSError
        It is no HDF5 file.
    """
    whole = Path(path).stat().st_size <= _SMALL
    began = time.process_time()
    _limit_time(began + _ENOUGH_S + _LONGEST_S)
    with h5py.File(path, "r") as file:
        seen: set[int] = set()
        waiting: list[Any] = [file["/"]]
        while waiting:
            found = waiting.pop()
            for part in _parts(found, seen, waiting, whole):
                _tried(part)
                if time.process_time() - began > _ENOUGH_S:
                    return


def _tried(act: Callable[[], object]) -> None:
    try:
        act()
    except MemoryError as error:
        raise AbsurdError from error
    except Exception as error:
        if "memory allocation failed" in str(error):
            raise AbsurdError from error


def _parts(
    found: Any, seen: set[int], waiting: list[Any], whole: bool
) -> Iterator[Callable[[], object]]:
    """Yield what there is to do with an object."""
    names: list[str] = []
    fresh: list[int] = []

    def look() -> None:
        address = h5py.h5o.get_info(found.id).addr
        if address not in seen:
            seen.add(address)
            fresh.append(address)

    yield look
    if not fresh:
        return
    yield lambda: names.extend(found.attrs)
    for name in names:
        yield partial(found.attrs.__getitem__, name)
    if isinstance(found, h5py.Dataset):
        yield partial(_touch, found, whole)
    elif isinstance(found, h5py.Group):
        members: list[str] = []
        yield lambda: members.extend(found)
        for name in members:
            yield partial(_enter, found, name, waiting)


def _enter(group: h5py.Group, name: str, waiting: list[Any]) -> None:
    if isinstance(group.get(name, getlink=True), h5py.HardLink):
        waiting.append(group[name])


def _touch(stored: h5py.Dataset, whole: bool) -> None:
    """Read a dataset, or its ends."""
    if stored.external or stored.is_virtual or stored.shape is None:
        return
    if stored.chunks and math.prod(stored.chunks) * stored.dtype.itemsize > _CHUNK:
        return
    if not stored.shape:
        stored[()]
        return
    n, row = len(stored), math.prod(stored.shape[1:]) * stored.dtype.itemsize
    if not n or row > _MOST:
        return
    rows = min(n, max(1, _MOST // max(row, 1)), n if whole else _ROWS)
    stored[:rows]
    if rows < n:
        stored[n - rows :]


def _limit_memory() -> None:
    """Let the process have no more memory than it needs, and leave none on disk if it crashes."""
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no picture of the memory is left
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + _MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_time(until: float) -> None:
    """Let the system end the process once it has had so much time, as it does in endless loops."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(until), most))


def main() -> None:
    """Answer each line until there are no more; end, with 1, if one takes too long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the program that asks
    _limit_memory()
    print(READY, flush=True)
    for line in sys.stdin:
        answer = WALKED
        faulthandler.dump_traceback_later(_PATIENCE_S, exit=True)  # heeds no lock that HDF5 holds
        try:
            walk(json.loads(line))
        except AbsurdError:
            answer = ABSURD
        except Exception:  # whatever h5py raises, its reader meets it, too
            answer = WALKED
        faulthandler.cancel_dump_traceback_later()
        print(answer, flush=True)


if __name__ == "__main__":
    main()
