"""HDF5 files whose writing can fail: a disk that is full raises an error, and ends no process.

HDF5 flushes what it holds when a file is closed. If that fails, the file stays open within the
library, which tries again when Python ends, and then ends it by a segmentation fault. So the file
is written through a driver that keeps the first error for itself: HDF5 closes a file of which
nothing seems wrong, and the error is raised afterwards.
"""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

#: After an error, HDF5 may read its own blocks again: of those up to this size, so many are kept.
_BLOCK, _KEPT = 1 << 16, 1 << 28


@contextmanager
def created(path: str | Path) -> Iterator[h5py.File]:
    """Yield a new HDF5 file, which is closed in the end whatever happens.

    Raises
    ------
    OSError
        The file could not be written whole; what is there of it is of no use.

    Examples
    --------
    >>> import tempfile
    >>> with created(Path(tempfile.mkdtemp()) / "a.h5") as file:
    ...     file["x"] = [1, 2, 3]
    """
    import h5py

    with _Driver(path) as driver, _uncollected():
        try:
            with h5py.File(driver, "w") as file:
                yield file
        except Exception as error:
            if driver.error is None:
                raise
            raise driver.error from error  # HDF5 met a block that was not written
        if driver.error is not None:
            raise driver.error


class _Driver(io.RawIOBase):
    """A file that, once a write failed, only seems to be written; `error` is why.

    Parameters
    ----------
    path
        Of the new file.
    """

    def __init__(self, path: str | Path) -> None:
        self.error: OSError | None = None
        self._file = Path(path).open("w+b", buffering=0)  # noqa: SIM115
        self._at = 0
        self._blocks: dict[int, bytes] = {}
        self._kept = 0

    def close(self) -> None:
        """Close the file; some systems tell only now that it could not be written."""
        if not self.closed:
            try:
                self._file.close()
            except OSError as error:
                self.error = self.error or error
        super().close()

    def seekable(self) -> bool:
        """Any place can be written."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place of the file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._file.fileno()).st_size if start is None else start)
        return self._at

    def tell(self) -> int:
        """Return the place in the file."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what was written, or seemed to be."""
        view = memoryview(buffer).cast("B")
        block = self._blocks.get(self._at)
        if block is not None and len(block) >= len(view):
            view[:] = block[: len(view)]
        else:
            self._file.seek(self._at)
            n = self._file.readinto(view)
            view[n:] = bytes(len(view) - n)
        self._at += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write, or seem to."""
        view = memoryview(data).cast("B")
        start, done = self._at, 0
        try:
            self._file.seek(start)
            while self.error is None and done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            self.error = error
        if self.error is not None and len(view) <= _BLOCK and self._kept < _KEPT:
            self._blocks[start] = bytes(view)
            self._kept += len(view)
        self._at = start + len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, or seem to."""
        wanted = self._at if size is None else size
        try:
            if self.error is None:
                self._file.truncate(wanted)
        except OSError as error:
            self.error = error
        return wanted

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage, which may close files of HDF5 while HDF5 is calling the driver."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
