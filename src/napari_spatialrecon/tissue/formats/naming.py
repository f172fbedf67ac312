"""Short names of tables, from their files; imports nothing heavy."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

#: Names that every run of a platform's software gives, which tell nothing: that of the run does.
_EVERYWHERE = (
    "outs",
    "count",
    "binned_outputs",
    "filtered_feature_bc_matrix",
    "raw_feature_bc_matrix",
    "sample_filtered_feature_bc_matrix",
    "cell_feature_matrix",
    "matrix",
)
_ENDINGS = (".gz", ".zip")
_NO_CHOICE: Mapping[str, str] = types.MappingProxyType({})


def table_name(path: Path, chosen: Mapping[str, str] = _NO_CHOICE) -> str:
    """Return the name of a table: its file's or its run's folder's, and which of several it is.

    Parameters
    ----------
    chosen
        Options with which it was read.

    Examples
    --------
    >>> table_name(Path("data/C5.h5ad")), table_name(Path("run7/outs"))
    ('C5', 'run7')
    >>> table_name(Path("run7/outs/filtered_feature_bc_matrix.h5"))
    'run7'
    >>> table_name(Path("all.h5ad"), {"library": "A1"})
    'all · A1'
    """
    name = _stem(path)
    while name in _EVERYWHERE and path.parent.name:
        path = path.parent
        name = path.name
    parts = [chosen[option] for option in ("table", "region", "library", "bin") if option in chosen]
    return " · ".join([name, *parts])


def numbered(names: Sequence[str]) -> list[str]:
    """Return names of which none stands twice: repeated ones get a number.

    Examples
    --------
    >>> numbered(["C5", "C2", "C5"])
    ['C5', 'C2', 'C5 (2)']
    """
    found: list[str] = []
    for plain in names:
        name, number = plain, 2
        while name in found:
            name, number = f"{plain} ({number})", number + 1
        found.append(name)
    return found


@lru_cache(maxsize=1_000)
def _stem(path: Path) -> str:  # kept: lists of tables are sorted by it at every change
    if path.is_dir() and path.suffix != ".zarr":
        return path.name
    name = path.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return Path(name).stem or name
