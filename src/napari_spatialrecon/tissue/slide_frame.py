"""The frame of a slide: where its rows lie, in which unit, and what its library states.

It is read from a table once, and passed on to whatever draws the slide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.contract import Library
from napari_spatialrecon.tissue.micrometres import Micrometres, micrometres

_EVEN = 0.35
"""Spread of the distances between neighbours, over their median, up to which they are an array."""


@dataclass(frozen=True, eq=False)
class SlideScale:
    """Unit and library of a slide, which need no coordinates.

    Parameters
    ----------
    unit
        Of the coordinates: "um", "px", or "unit" where nothing says.
    micrometres
        Of a unit of the coordinates, of a pixel of the histology, and of a spot.
    library
        Name and content of the library in `uns["spatial"]`; None without one.
    """

    unit: str
    micrometres: Micrometres
    library: Library | None

    @classmethod
    def read(cls, adata: AnnData) -> Self:
        """Read a table.

        Raises
        ------
        InputError
            What is stated is of another unit, no positive number, or of several slides.
        """
        return cls(*_scale(adata))

    @property
    def um_per_unit(self) -> float | None:
        """Micrometers in a unit of the coordinates; None where unknown."""
        return self.micrometres.per_unit

    @property
    def um_per_pixel(self) -> float | None:
        """Micrometers in a full-resolution pixel of the histology; None where unknown."""
        return self.micrometres.per_pixel

    @property
    def spot_diameter(self) -> float | None:
        """Diameter of a spot, or width of a bin, in the unit of the coordinates."""
        spot, um = self.micrometres.spot, self.um_per_unit
        return None if spot is None or um is None else spot / um


@dataclass(frozen=True, eq=False)
class SlideFrame(SlideScale):
    """Where the rows of a slide lie.

    Parameters
    ----------
    coordinates : (n, 2) float64, (x, y) in `unit`, y down
    """

    coordinates: NDArray[np.float64]

    @classmethod
    def read(cls, adata: AnnData) -> Self:
        """Read a table.

        Raises
        ------
        InputError
            It has no coordinates, or what `SlideScale.read` refuses.
        """
        return cls(*_scale(adata), contract.coordinates(adata))

    @property
    def spacing(self) -> float:
        """Median distance of a row to its nearest neighbour; 1 where that is none."""
        distances = self._nearest
        return float(np.median(distances)) or 1.0 if len(distances) else 1.0

    @property
    def is_array(self) -> bool:
        """Whether the rows are spots of an array: they have a size in pixels, or lie evenly."""
        if self.unit != "um" and self.spot_diameter is not None:
            return True
        if not len(self._nearest):
            return False
        low, middle, high = np.quantile(self._nearest, (0.1, 0.5, 0.9))
        return bool(high - low < _EVEN * middle)

    @cached_property
    def _nearest(self) -> NDArray[np.float64]:
        from scipy.spatial import cKDTree  # geometry.neighbours would load scikit-learn

        points = self.coordinates
        found = cKDTree(points).query(points, k=2)[0][:, 1] if len(points) > 1 else np.empty(0)
        return np.asarray(found, np.float64)


def _scale(adata: AnnData) -> tuple[str, Micrometres, Library | None]:
    return contract.unit(adata), micrometres(adata), contract.library(adata)
