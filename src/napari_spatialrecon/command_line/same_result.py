"""Whether a repeated result is the first one: the same bytes, the same values, or what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS

#: Where a table keeps the record of its run.
_RECORDS = {f"uns/{OURS}/provenance", f"uns/{OURS}/record"}


def same_result(first: Path, out: Path) -> str:
    """Return in a sentence how a repeated result compares with the first.

    Parameters
    ----------
    first, out
        A table or saved model, and the one that was made again.
    """
    if not first.exists():
        return f"Repeated: {out} (the first result is no longer at {first})."
    files = ["."] if first.is_file() else sorted(_files(first) | _files(out))
    other = [name for name in files if _content(first / name) != _content(out / name)]
    if not other:
        return f"Repeated: {out} has the same bytes as {first}."
    told = [name for name in other if not name.endswith("zarr.json")]  # of groups: their order
    slots = sorted({_slot(name) for name in told or other})
    if slots == ["."]:
        slots = _differing(first, out)
    slots = [slot for slot in slots if slot not in _RECORDS]
    if not slots:
        return f"Repeated: {out} holds the same values as {first}; their records differ."
    return f"Repeated: {out} differs from {first} in {', '.join(slots)}."


def _slot(file: str) -> str:
    """Return the slot of a table that a file of its zarr store belongs to."""
    parts = file.split("/")
    if parts[0] == "tables":  # of a SpatialData store
        parts = parts[2:]
    if parts[:2] == ["uns", OURS] and parts[-1] == "provenance":  # an alignment has its own
        return f"uns/{OURS}/provenance"
    return "/".join(parts[:3] if parts[:2] == ["uns", OURS] else parts[:2])


def _differing(first: Path, out: Path) -> list[str]:
    """Return the slots in which two h5ad files differ."""
    import h5py

    with h5py.File(first) as one, h5py.File(out) as other:
        values = [_values(one), _values(other)]
        return sorted(
            {
                _slot(name)
                for name in {*values[0], *values[1]}
                if not _equal(*(found.get(name) for found in values))
            }
        )


def _values(file: Any) -> dict[str, Any]:
    """Return the datasets of an open HDF5 file by their names."""
    import h5py

    found: dict[str, Any] = {}

    def keep(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and one.shape is not None:  # else it holds nothing
            found[name] = one

    file.visititems(keep)
    return found


def _equal(one: Any, other: Any) -> bool:
    """Return whether two datasets hold the same, NaN in the same places included."""
    if one is None or other is None or (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    values = [np.asarray(dataset[()]) for dataset in (one, other)]
    if one.dtype.kind == "O":
        return bool(np.array_equal(values[0], values[1]))
    return values[0].tobytes() == values[1].tobytes()


def _files(folder: Path) -> set[str]:
    """Return the files of a saved model or a store; a model's record has times of its own."""
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return files - {"run.json"}


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
