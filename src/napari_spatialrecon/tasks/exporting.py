"""Export to SpatialData: an alignment to existing elements, a slide or a result as elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.tasks.aligning import stored_transform
from napari_spatialrecon.tasks.spatialdata_elements import AFFINE, affine, circles
from napari_spatialrecon.tasks.spatialdata_parts import parts_of
from napari_spatialrecon.tissue import slots
from napari_spatialrecon.tissue.sdata.library import library

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData
    from spatialdata import SpatialData


def set_alignment(
    sdata: SpatialData,
    aligned: AnnData,
    element: str,
    *,
    coordinate_system: str = "aligned",
) -> str:
    """Put the alignment of a table on an element of a SpatialData object.

    Parameters
    ----------
    sdata
        Gets the alignment; its other coordinate systems stay as they are.
    aligned
        What `align_by_landmarks`, `spatialrecon align` or the window wrote.
    element
        Points or circles in the frame and unit that `aligned` had before it was aligned, its
        ``obsm["spatial_before"]``.
    coordinate_system
        Coordinate system in which the element lies on the image.

    Returns
    -------
    str
        The name of the element that lies there. A similarity or an affine map becomes an `Affine`
        transformation of `element` itself. A SpatialData transformation can hold neither a
        perspective nor a spline: then a copy with moved coordinates is added, named
        "`element`_aligned".

    Raises
    ------
    InputError
        SpatialData is not installed, there is no such element, or `aligned` holds no alignment.

    Examples
    --------
    >>> sdata = read_zarr("slide.zarr")  # doctest: +SKIP
    >>> set_alignment(sdata, result.adata, "spots")  # doctest: +SKIP
    'spots'
    """
    transformations = library().transformations
    transform = _transform(aligned)
    if element not in sdata:
        known = ", ".join(name for _, name, _ in sdata.gen_spatial_elements()) or "none"
        raise InputError(f"Expected an element {element!r}, found {known}.", where="sdata")
    shown = sdata[element]
    if transform.model in AFFINE:
        matrix = transform.matrix / transform.matrix[2, 2]
        transformations.set_transformation(shown, affine(matrix), coordinate_system)
        return element
    if not hasattr(shown, "geometry") or not (shown.geometry.geom_type == "Point").all():
        raise InputError(
            f"Expected circles for a {transform.model} map, found another element.",
            remedy="Try model affine, which any element can hold.",
            where=element,
        )
    xy = np.column_stack([shown.geometry.x, shown.geometry.y])
    name = f"{element}_aligned"
    sdata[name] = circles(
        transform.apply(xy),
        np.asarray(shown["radius"], float) * transform.scale,
        shown.index,
        {coordinate_system: np.eye(3)},
    )
    return name


def to_spatialdata(
    adata: AnnData,
    *,
    name: str = "slide",
    folder: str | Path | None = None,
    sdata: SpatialData | None = None,
) -> SpatialData:
    """Return a slide or a result as SpatialData: circles, points, their table, and the H&E.

    Parameters
    ----------
    adata
        With ``obsm["spatial"]``, in whose frame and unit the coordinate system `name` is; where its
        micrometres are known, there is a coordinate system "um" as well. Not changed. If it was
        aligned by a similarity or an affine map, the circles are those of before with that map as
        their transformation; else they are where they lie.
    name
        Of the coordinate system; the elements are "`name`_spots" (of placed cells "`name`_cells"),
        "`name`_points", "`name`_histology" and the table "`name`", what SpatialData allows in no
        name turned into underscores.
    folder
        Folder of the image files named in the slide.
    sdata
        Object to which the result is added, for instance the one that the task was given: the
        returned object has all of its elements. A table whose rows are instances of one of them
        annotates that one, in place of circles of its own. Not changed.

    Raises
    ------
    InputError
        SpatialData is not installed, or there are no coordinates.

    Examples
    --------
    >>> result = deconvolve(sdata, cells, "cell_type", method="knn")  # doctest: +SKIP
    >>> to_spatialdata(result.adata, name="mixtures", sdata=sdata)  # doctest: +SKIP
    """
    spatialdata = library()
    elements = parts_of(adata, name, folder=folder, into=sdata)
    attrs: dict[str, Any] = {}
    if sdata is not None:
        elements = {known: element for _, known, element in sdata.gen_elements()} | elements
        attrs = dict(sdata.attrs)
    attrs[slots.OURS] = {"table": list(elements)[-1]}
    made: SpatialData = spatialdata.SpatialData.init_from_elements(elements, attrs=attrs)
    return made


def _transform(aligned: AnnData) -> Transform:
    transform = stored_transform(aligned)
    if transform is None:
        raise InputError(
            f'Expected an alignment in uns["{slots.OURS}"]["{slots.ALIGNMENT}"], found none.',
            remedy="Try a table that 'spatialrecon align' or Align to histology wrote.",
            where="aligned",
        )
    return transform
