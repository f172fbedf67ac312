"""Records of runs that are opened in place of the results they lie beside."""

from __future__ import annotations

from pathlib import Path

from napari_spatialrecon.errors import InputError

_RECORD, _RESULTS = ".run.json", (".h5ad", ".zarr")
"""Endings of a record, and of the results that one is written beside."""


def is_record(path: Path) -> bool:
    """Return whether a path is named as the record beside a result.

    Examples
    --------
    >>> is_record(Path("C5.run.json")), is_record(Path("regions.json"))
    (True, False)
    """
    return path.name.endswith(_RECORD)


def result_of(path: Path) -> Path:
    """Return the path of the result that a record lies beside; any other path as it is.

    Raises
    ------
    InputError
        No result lies beside the record.
    """
    if not is_record(path):
        return path
    names = [path.name.removesuffix(_RECORD) + suffix for suffix in _RESULTS]
    for name in names:
        if path.with_name(name).exists():
            return path.with_name(name)
    raise InputError(
        f"Expected the result of this run beside its record ({' or '.join(names)}), found neither.",
        remedy="Try dropping the result itself: its record is read with it.",
        where=path.name,
    )
