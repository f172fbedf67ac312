"""An image of a SpatialData object as histology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from napari_spatialrecon.tissue.lazy_image import RgbImage
from napari_spatialrecon.tissue.sdata.library import Matrix, library, matrices

SMALL = 4096
"""Longest side of an image that a table holds itself, for scanpy and squidpy to draw."""
_COLORS = {"r", "g", "b", "a", "red", "green", "blue", "alpha"}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image element.

    Parameters
    ----------
    levels
        Arrays (c, y, x), finest first, read where they are accessed.
    channels
        Names of the channels.
    matrices
        From pixels (column, row) to each coordinate system of the image.
    """

    name: str
    element: Any
    levels: tuple[Any, ...]
    channels: tuple[str, ...]
    matrices: Mapping[str, Matrix]

    @classmethod
    def of(cls, name: str, element: Any) -> Self:
        """Describe an element of ``sdata.images``."""
        scales = list(getattr(element, "children", ()))
        scales.sort(key=lambda scale: int(scale.removeprefix("scale")))
        arrays = [element[scale].image for scale in scales] or [element]
        channels = tuple(str(c) for c in arrays[0].coords["c"].values)
        levels = tuple(array.data for array in arrays)
        return cls(name, element, levels, channels, matrices(element))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.levels[0].shape[-2]), int(self.levels[0].shape[-1])

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.levels)

    @property
    def is_color(self) -> bool:
        """Whether it has the channels of a color image: three, or three and transparency."""
        named = {c.lower() for c in self.channels} <= _COLORS
        numbered = all(c.isdigit() for c in self.channels)
        n_channels = len(self.channels)
        return n_channels == 3 or (n_channels == 4 and (named or numbered))

    @property
    def is_histology(self) -> bool:
        """Whether it can be shown as a flat image, in color or grey."""
        return self.levels[0].ndim == 3 and (self.is_color or len(self.channels) == 1)

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return f"{len(self.channels)} channels" if self.levels[0].ndim == 3 else "a stack of planes"

    @property
    def pixels(self) -> Any:
        """Its finest level (y, x, c), read where it is accessed."""
        return np.moveaxis(self.levels[0], 0, -1)

    def file(self, sdata: Any) -> Path | None:
        """Return the folder of its pixels, in OME-NGFF, where they are those on disk."""
        if sdata.path is None:
            return None
        folder = Path(sdata.path).resolve() / "images" / self.name
        backing = [Path(f) for f in library().get_dask_backing_files(self.element)]
        return folder if any(f.is_relative_to(folder) for f in backing) else None

    def rgb(self) -> list[RgbImage]:
        """Return its levels as images (y, x, 3) uint8."""
        coarsest = RgbImage(self.levels[-1], "SYX")
        finer = [RgbImage(level, "SYX", coarsest.top) for level in self.levels[:-1]]
        return [*finer, coarsest]

    def small(self) -> np.ndarray | None:
        """Return the finest level that a table may hold, (y, x, 3) uint8.

        None where all are large: these are not read for it.
        """
        fitting = [level for level in self.rgb() if max(level.shape[:2]) <= SMALL]
        return np.asarray(fitting[0]) if fitting else None
