"""A disk that is full, or taken away, after so many bytes, without one that has to be mounted."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest


class Disk:
    """Counts the bytes that the process writes through Python's files, and ends at `size`.

    Parameters
    ----------
    folder
        Files elsewhere are not of this disk.
    size
        Bytes that fit; None for no end.
    error
        Number of the error at its end: full, over a quota, or not answering.
    removed
        Whether it is gone then: the folder is moved aside, to ``away``.
    """

    def __init__(
        self,
        folder: Path,
        size: int | None = None,
        *,
        error: int = errno.ENOSPC,
        removed: bool = False,
    ) -> None:
        self.folder, self.size, self.used = str(folder), size, 0
        self.error, self.removed, self.away = error, removed, folder.with_name("away")
        self.refused = 0

    def take(self, n: int) -> int:
        """Return how many of `n` bytes fit.

        Raises
        ------
        OSError
            None does.
        """
        fit = n if self.size is None else min(n, max(0, self.size - self.used))
        if n and not fit:
            self.refused += 1
            if self.removed and not self.away.exists():
                Path(self.folder).rename(self.away)
            raise OSError(self.error, os.strerror(self.error))
        self.used += fit
        return fit

    def insert(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the files that Python opens below the folder for writing be of this disk."""
        disk, opened = self, io.open

        def open_here(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if str(file).startswith(disk.folder) and set(mode) & set("wax+"):
                buffering = kwargs.get("buffering", args[0] if args else -1)
                raw = _File(file, mode.replace("t", "").replace("b", ""), disk)
                if buffering == 0:
                    return raw
                stream = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
                if "b" in mode:
                    return stream
                text = {k: kwargs[k] for k in ("encoding", "errors", "newline") if k in kwargs}
                return io.TextIOWrapper(stream, **text)
            return opened(file, mode, *args, **kwargs)

        monkeypatch.setattr("io.open", open_here)
        monkeypatch.setattr("builtins.open", open_here)


class _File(io.FileIO):
    def __init__(self, file: Any, mode: str, disk: Disk) -> None:
        super().__init__(file, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        return super().write(view[: self._disk.take(len(view))])
