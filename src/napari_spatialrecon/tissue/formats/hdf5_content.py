"""What an HDF5 file says of itself, looked at before anything is read from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import h5py

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hdf5_vetting import opened

#: Bytes of an array that are read without a second look, and the most that a stored byte can hold:
#: gzip, which packs most, has at most 1,032.
_SMALL, _PACKED = 1 << 28, 1100
#: Objects of a file that are looked at.
_OBJECTS = 200_000


def refuse_strange(path: Path) -> None:
    """Refuse a file that takes data from other files, or states a size that it cannot hold.

    Raises
    ------
    InputError
        Names the object.
    """
    try:
        file = opened(path)
    except OSError:
        return  # its reader says what is wrong with it
    with file:
        for name, found in _objects(file):
            if why := found if isinstance(found, str) else _strange(found):
                raise InputError(
                    f"Expected a file that holds its own data, found {name!r} {why}.",
                    remedy="Try a file written anew: adata.write_h5ad(...), or the first download.",
                    where=str(path),
                )


def _strange(found: object) -> str:
    if isinstance(found, h5py.ExternalLink):
        return f"in another file ({found.filename})"
    if not isinstance(found, h5py.Dataset):
        return ""
    if found.external or found.is_virtual:
        return "in another file"
    stated = math.prod(found.shape or (0,)) * found.dtype.itemsize
    held = found.id.get_storage_size()
    if stated > _SMALL and stated > held * _PACKED:
        return f"of {stated:.2g} bytes, of which {held:,} are there"
    return ""


def _objects(file: h5py.File) -> Iterator[tuple[str, object]]:
    """Yield links, datasets and what is wrong with groups, each once, however they are linked."""
    seen: set[int] = set()
    waiting: list[tuple[str, h5py.Group, frozenset[int]]] = [("", file["/"], frozenset())]
    while waiting and len(seen) < _OBJECTS:
        above, group, within = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in within:
            yield above, "that holds itself"
        if address in seen:
            continue
        seen.add(address)
        for key in group:
            link = group.get(key, getlink=True)
            name = f"{above}/{key}".lstrip("/")
            if isinstance(link, h5py.ExternalLink):
                yield name, link
            elif isinstance(link, h5py.HardLink):
                try:
                    found = group[key]
                except (KeyError, OSError, RuntimeError, ValueError):
                    continue  # damaged: its reader says so
                if isinstance(found, h5py.Group):
                    waiting.append((name, found, within | {address}))
                else:
                    yield name, found
