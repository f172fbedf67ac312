"""Room on a disk for what a run will write, looked at before it starts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import WriteError
from napari_spatialrecon.machine import amount

#: Part of the bytes of counts in memory that they take on disk, compressed: 0.12 to 0.3 measured.
_PACKED = 0.25
#: A run is refused where not even this part of what it is expected to write would fit.
_CERTAIN = 0.25
#: Bytes of a result besides its counts: its record, and names and values of each row.
_BASE, _ROW = 50_000, 200


@dataclass(frozen=True)
class Room:
    """What a run is expected to write, and what is free where it writes.

    Parameters
    ----------
    needed, free
        In bytes.
    where
        Folder that the result, or what leads to it, lies in.
    """

    needed: int
    free: int
    where: Path

    @property
    def is_short(self) -> bool:
        """Whether it may not fit."""
        return self.free < self.needed

    @property
    def words(self) -> str:
        """Both numbers, in words."""
        return f"result of about {amount(self.needed)}, {amount(self.free)} free in {self.where}"

    def require(self) -> None:
        """Refuse a run whose result cannot fit.

        Raises
        ------
        WriteError
            Less is free than the result takes at the least.
        """
        if self.free < self.needed * _CERTAIN:
            raise WriteError(
                f"Expected about {amount(self.needed)} of free disk space for the result, "
                f"found {amount(self.free)}.",
                remedy="Try another folder, or free some space.",
                where=str(self.where),
            )


def room(path: str | Path, needed: float) -> Room:
    """Return what is free on the disk of `path`, which may not exist yet, beside what is needed."""
    path = Path(path).absolute()
    folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
    return Room(int(needed), shutil.disk_usage(folder).free, folder)


def table_bytes(*tables: Any) -> float:
    """Return the expected size on disk of results that hold the counts of these tables."""
    return sum(_BASE + _ROW * table.n_obs + _PACKED * _bytes(table.X) for table in tables)


def maps_bytes(n_rows: int, n_columns: int, layers: int = 1) -> float:
    """Return the size of tables of real numbers, which hardly compress."""
    return _BASE + _ROW * n_rows + 4.0 * n_rows * n_columns * layers


def _bytes(matrix: Any) -> float:
    if matrix is None:
        return 0.0
    if hasattr(matrix, "nnz"):
        return float(matrix.nnz) * 8
    if hasattr(matrix, "group"):  # a sparse matrix that stays on disk
        return float(matrix.group["data"].shape[0]) * 8
    return 4.0 * float(matrix.shape[0]) * float(matrix.shape[1])
