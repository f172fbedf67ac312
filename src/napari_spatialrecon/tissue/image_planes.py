"""One flat picture of an image with more axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_spatialrecon.errors import InputError


class Plane:
    """One plane of an array with more axes than a picture: an array-like, read where accessed.

    Parameters
    ----------
    source
        Array-like.
    at
        Of each axis the index that is shown, or a slice for an axis of the picture.
    """

    def __init__(self, source: Any, at: tuple[int | slice, ...]) -> None:
        self.source, self._at = source, at
        self.dtype = source.dtype
        self.shape = tuple(
            size for size, part in zip(source.shape, at, strict=True) if isinstance(part, slice)
        )

    def __getitem__(self, key: Any) -> np.ndarray:
        keys = iter(key if isinstance(key, tuple) else (key,))
        return np.asarray(
            self.source[tuple(next(keys, p) if isinstance(p, slice) else p for p in self._at)]
        )


def flat_plane(source: Any, axes: str) -> tuple[Any, str]:
    """Return a picture of an array and its axes, "YX", "YXS" or "SYX" (S: samples of a color).

    Of several times the first is shown, of planes the middle one, and of channels that are not
    three the first.

    Parameters
    ----------
    axes
        Of `source`, a letter each: C is channels, S samples, Z planes, others anything.

    Raises
    ------
    InputError
        The axes are not those of a picture.
    """
    sizes = dict(zip(axes, source.shape, strict=True))
    is_color = sizes.get("C") == 3 and "S" not in axes
    kept = {"Y", "X", "S"} | ({"C"} if is_color else set())
    flat = "".join(axis for axis in axes if axis in kept).replace("C", "S")
    if flat not in ("YX", "YXS", "SYX") or len({*axes}) < len(axes):
        raise InputError(
            f"Expected a flat image (axes YX, YXS or CYX), found axes {axes}.",
            remedy="Try exporting one plane as RGB.",
        )
    at = tuple(
        slice(None) if axis in kept else size // 2 if axis == "Z" else 0
        for axis, size in sizes.items()
    )
    return (source, flat) if len(flat) == len(axes) else (Plane(source, at), flat)
