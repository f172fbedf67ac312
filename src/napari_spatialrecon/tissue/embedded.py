"""A copy of a slide's image inside its table, since scanpy and squidpy draw no other."""

from __future__ import annotations

from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.sharing import sharing

#: Longest side of an image that is copied, in pixels.
LONGEST = 2400


def embedded(adata: AnnData) -> AnnData:
    """Return a table with ``images["hires"]`` where its library only names image files.

    Parameters
    ----------
    adata
        Not changed. Where it has an image, none that can be read, or coordinates in µm, which
        scanpy does not convert, it is returned as it is.

    Returns
    -------
    A table that shares all but `uns` with `adata`; the image (y, x, 3) uint8 has at most 2,400
    pixels a side, and ``scalefactors["tissue_hires_scalef"]`` is its pixels per full-resolution
    pixel.
    """
    found = contract.library(adata)
    if found is None or contract.unit(adata) == "um":
        return adata
    name, content = found
    if any(key in contract.section(content, "images") for key in ("hires", "lowres")):
        return adata
    try:
        image = histology(adata)
    except InputError:
        return adata
    if image is None:
        return adata
    uns = {**adata.uns, slots.SPATIAL: {name: with_image(content, image, adata)}}
    return sharing(adata, uns=uns)


def with_image(content: Any, image: Histology, adata: AnnData) -> dict[str, Any]:
    """Return a library with a small copy of `image`, and the scale of that copy.

    Parameters
    ----------
    content
        The library, not changed.
    image
        Histology of `adata`.
    """
    pixels, units = image.thumbnail(LONGEST)
    if contract.unit(adata) == "um":
        units /= contract.um_per_pixel(adata) or 1.0
    images: dict[str, np.ndarray] = {**contract.section(content, "images"), "hires": pixels}
    factors = {**contract.section(content, "scalefactors"), "tissue_hires_scalef": 1 / units}
    return {**content, "images": images, "scalefactors": factors}
