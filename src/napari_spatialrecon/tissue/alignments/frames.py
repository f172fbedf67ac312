"""Frames of foreign alignments: pixels of images, and the units of `obsm["spatial"]`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.maps.transforms import SPLINE, Transform
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import OURS

#: Largest deviation of a matrix from a simpler model, as a share of its largest entry.
_SAME = 1e-9


@dataclass(frozen=True)
class Frames:
    """What converts a foreign alignment into that of a slide and an image.

    Parameters
    ----------
    slide_um
        Micrometers per unit of the slide's `obsm["spatial"]`; None if unknown.
    image_pixel
        Units of the image's frame per full-resolution pixel of the image.
    """

    slide_um: float | None
    image_pixel: float

    @classmethod
    def of(cls, adata: AnnData, ref: AnnData | None = None) -> Frames:
        """Return the frames of a slide and of the slide whose image is the target.

        Parameters
        ----------
        ref
            The slide with the image; by default `adata` itself.

        Raises
        ------
        InputError
            The image's slide is in µm, and the size of its pixels is not known.
        """
        target = adata if ref is None else ref
        pixel = 1.0
        if contract.unit(target) == "um":
            size = contract.um_per_pixel(target)
            if size is None:
                raise InputError(
                    "Expected the µm per image pixel, since coordinates are in µm; found none.",
                    remedy=f"Try {argument('ref')} with the slide that has the image.",
                    where='uns["spatial"]',
                )
            pixel = size
        return cls(contract.um_per_unit(adata), pixel)

    def slide_pixel(self, size: float, where: str) -> float:
        """Return units of the slide per pixel of `size` µm.

        Raises
        ------
        InputError
            The scale of the slide is unknown.
        """
        if self.slide_um is None:
            raise InputError(
                f"Expected a slide with a known scale, since {where} is in pixels of {size:g} µm; "
                "found none.",
                remedy=f"Try {argument('um_per_unit')} for the slide.",
                where='obsm["spatial"]',
            )
        return size / self.slide_um


def image_frame(adata: AnnData) -> AnnData | None:
    """Return a slide without rows whose frame is that of an image that `adata` does not hold.

    Foreign files align a table in µm with an image beside it. What is aligned then lies in that
    image's full-resolution pixels.

    Returns
    -------
    None where `adata` holds an image, or is in pixels already.
    """
    if contract.library(adata) is not None or contract.unit(adata) != "um":
        return None
    return AnnData(np.empty((0, 0), np.float32), uns={OURS: {"unit": "px"}})


def transform_of(matrix: np.ndarray) -> Transform:
    """Return a (3, 3) matrix for columns (x, y, 1) as a transform of the simplest model.

    Examples
    --------
    >>> transform_of(np.diag([2.0, -2.0, 1.0])).model, transform_of(np.diag([2.0, 3, 1])).model
    ('similarity', 'affine')
    """
    matrix = np.asarray(matrix, float) / matrix[2][2]
    linear = matrix[:2, :2]
    if np.abs(matrix[2, :2]).max() > 0:
        return Transform("projective", matrix)
    gram = linear @ linear.T
    close = _SAME * np.abs(gram).max()
    even = abs(gram[0, 0] - gram[1, 1]) <= close and abs(gram[0, 1]) <= close
    return Transform("similarity" if even else "affine", matrix)


def scaled(factor: float) -> np.ndarray:
    """Return the (3, 3) matrix that multiplies coordinates by `factor`."""
    return np.diag([factor, factor, 1.0])


def matrix_of(transform: Transform, form: str) -> np.ndarray:
    """Return the (3, 3) matrix of a transform.

    Raises
    ------
    InputError
        It is a spline, which no matrix can hold.
    """
    if transform.model == SPLINE:
        raise InputError(
            f"Expected a map that the {form} can hold, found a thin-plate spline.",
            remedy=f"Try {argument('model', 'affine')}.",
            where="alignment",
        )
    return np.asarray(transform.matrix / transform.matrix[2, 2])
