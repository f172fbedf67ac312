"""Images in OME-NGFF (OME-Zarr), alone or in a SpatialData object, read only where accessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.lazy_image import RgbImage


class _Plane:
    """The channels and the plane of an array with more axes, all of length 1, as (c, y, x)."""

    def __init__(self, source: Any, axes: str) -> None:
        self.source, self.axes = source, axes
        self.dtype = np.dtype(source.dtype)
        sizes = dict(zip(axes, source.shape, strict=True))
        self.shape = (sizes.get("c", 1), sizes["y"], sizes["x"])

    def __getitem__(self, key: tuple[Any, Any, Any]) -> np.ndarray:
        chosen = dict(zip("cyx", key, strict=True))
        block = np.asarray(self.source[tuple(chosen.get(axis, 0) for axis in self.axes)])
        kept = [axis for axis in self.axes if axis in "cyx"]
        ordered = np.transpose(block, [kept.index(axis) for axis in "cyx" if axis in kept])
        return ordered if "c" in kept else ordered[None][chosen["c"]]


def open_ngff(folder: str | Path) -> list[RgbImage]:
    """Return the levels of an OME-NGFF image, finest first, without reading its pixels.

    Parameters
    ----------
    folder
        The group with the metadata ``multiscales``, of zarr format 2 or 3: ``he.ome.zarr``, or
        ``slide.zarr/images/he`` of a SpatialData object.

    Raises
    ------
    InputError
        The folder is not an image in this format, is damaged, or has several planes or time points.
    """
    try:
        group = zarr.open_group(Path(folder), mode="r")
        content = group.attrs.asdict()
        image = (content.get("ome") or content)["multiscales"][0]
        axes = "".join(_axis_name(axis) for axis in image.get("axes", "tczyx"))
        sources = [group[level["path"]] for level in image["datasets"]]
        shapes = [tuple(source.shape) for source in sources]  # a damaged array fails here
    except Exception as error:
        raise InputError(
            "Expected an OME-NGFF image, found none that can be read.",
            remedy="Try copying the folder again, or saving the image as TIFF.",
            where=str(folder),
        ) from error
    extra = {axis: shapes[0][at] for at, axis in enumerate(axes) if axis not in "cyx"}
    if not {"y", "x"} <= set(axes) or any(length > 1 for length in extra.values()):
        raise InputError(
            f"Expected a flat image with the axes y and x, found {axes} of shape {shapes[0]}.",
            remedy="Try exporting one plane as RGB.",
            where=str(folder),
        )
    if axes not in ("cyx", "yx"):
        sources, axes = [_Plane(source, axes) for source in sources], "cyx"
    shown = axes.replace("c", "S").upper()
    coarsest = RgbImage(sources[-1], shown)
    return [RgbImage(source, shown, coarsest.top) for source in sources[:-1]] + [coarsest]


def _axis_name(axis: Any) -> str:
    """Return the name of an axis, a word until version 0.3 and an object since."""
    return str(axis["name"] if isinstance(axis, Mapping) else axis)
