"""Texts of zarr stores, looked into before they are read: a chunk states how many it holds.

numcodecs makes room for as many as it is told, so that one byte that was flipped takes all memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numcodecs
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from napari_spatialrecon.errors import InputError

#: Bytes of a chunk that are unpacked without a second look, and the most that a packed byte holds.
_SMALL, _PACKED = 1 << 26, 1100


def refuse_absurd_texts(group: zarr.Group, where: Path) -> None:
    """Refuse arrays of texts of which a chunk states more of them than it has room for.

    Raises
    ------
    InputError
        Names the arrays.
    """
    found = sorted(
        name
        for name, array in group.members(max_depth=None)
        if isinstance(array, zarr.Array) and _holds_texts(array) and _is_absurd(array)
    )
    if found:
        raise InputError(
            f"Expected a whole store, found more texts than there is room for in "
            f"{', '.join(found[:5])}.",
            remedy="Try copying or downloading it again: it seems damaged.",
            where=str(where),
        )


def _holds_texts(array: zarr.Array) -> bool:
    return any(name.startswith("vlen") for name in map(_id, _codecs(array)))


def _codecs(array: zarr.Array) -> list[Any]:
    """Return what encodes a chunk, in the order of writing."""
    metadata: Any = array.metadata
    if metadata.zarr_format == 2:
        return [*(metadata.filters or ()), *filter(None, [metadata.compressor])]
    return list(metadata.codecs)


def _id(codec: Any) -> str:
    return str(getattr(codec, "codec_id", None) or codec.to_dict().get("name", ""))


def _is_absurd(array: zarr.Array) -> bool:
    packing = [_id(codec) for codec in _codecs(array) if not _id(codec).startswith("vlen")]
    room = math.prod(array.chunks)
    return any(_stated(chunk, packing) > room for chunk in _chunks(array))


def _chunks(array: zarr.Array) -> Iterator[bytes]:
    metadata: Any = array.metadata
    for at in itertools.product(*map(range, array.cdata_shape)):
        path = array.store_path / metadata.encode_chunk_key(at)
        held = sync(path.get(default_buffer_prototype()))
        if held is not None:
            yield held.to_bytes()


def _stated(chunk: bytes, packing: list[str]) -> float:
    """Return the number of texts that a chunk states; what cannot be unpacked is its reader's."""
    for name in reversed(packing):
        if name == "blosc" and int.from_bytes(chunk[4:8], "little") > _most(chunk):
            return math.inf
        try:
            chunk = bytes(numcodecs.get_codec({"id": name}).decode(chunk))
        except Exception:  # as many kinds as there are codecs
            return 0
    return int.from_bytes(chunk[:4], "little")


def _most(packed: bytes) -> int:
    return max(_SMALL, len(packed) * _PACKED)
