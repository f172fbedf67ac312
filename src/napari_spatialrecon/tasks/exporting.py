"""Export of an alignment to SpatialData: to existing elements or as a new object."""

from __future__ import annotations

import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.tasks.aligning import stored_transform
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.slide_frame import SlideScale

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData
    from spatialdata import SpatialData

#: Maps that a SpatialData `Affine` can hold; others are applied to the coordinates.
_AFFINE = ("similarity", "affine")
#: What SpatialData allows in no name of an element.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.-]")
#: Diameter of a point over the distance of neighbours, where nothing states it.
_SHARE = 0.55
#: Longest side of an image that is copied.
_SIDE = 4096


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
    The name of the element that lies there. A similarity or an affine map becomes an `Affine`
    transformation of `element` itself. A SpatialData transformation can hold neither a perspective
    nor a spline: then a copy with moved coordinates is added, named "`element`_aligned".

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
    transformations = _library().transformations
    transform = _transform(aligned)
    if element not in sdata:
        known = ", ".join(name for _, name, _ in sdata.gen_spatial_elements()) or "none"
        raise InputError(f"Expected an element {element!r}, found {known}.", where="sdata")
    shown = sdata[element]
    if transform.model in _AFFINE:
        transformations.set_transformation(shown, _affine(transform), coordinate_system)
        return element
    if not hasattr(shown, "geometry") or not (shown.geometry.geom_type == "Point").all():
        raise InputError(
            f"Expected circles for a {transform.model} map, found another element.",
            remedy="Try model affine, which any element can hold.",
            where=element,
        )
    xy = np.column_stack([shown.geometry.x, shown.geometry.y])
    name = f"{element}_aligned"
    sdata[name] = _circles(
        transform.apply(xy),
        np.asarray(shown["radius"], float) * transform.scale,
        shown.index,
        {coordinate_system: transformations.Identity()},
    )
    return name


def to_spatialdata(
    adata: AnnData, *, name: str = "slide", folder: str | Path | None = None
) -> SpatialData:
    """Return a slide or a result as SpatialData: circles, their table, and the H&E below them.

    Parameters
    ----------
    adata
        With ``obsm["spatial"]``, in whose frame and unit the coordinate system `name` is; not
        changed. If it was aligned by a similarity or an affine map, the circles are those of before
        with that map as their transformation; else they are where they lie.
    name
        Of the coordinate system; the elements are "`name`_spots", "`name`_histology" and the table
        "`name`", what SpatialData allows in no name turned into underscores.
    folder
        Folder of the image files named in the slide.

    Raises
    ------
    InputError
        SpatialData is not installed, or there are no coordinates.
    """
    spatialdata = _library()
    transformations, models = spatialdata.transformations, spatialdata.models
    points, held = contract.coordinates(adata), transformations.Identity()
    diameter = _diameter(adata)
    transform = stored_transform(adata)
    if transform is not None and transform.model in _AFFINE and slots.BEFORE in adata.obsm:
        points, held = np.asarray(adata.obsm[slots.BEFORE], float), _affine(transform)
        diameter /= transform.scale
    stem = _NOT_ALLOWED.sub("_", name)
    spots = f"{stem}_spots"
    elements: dict[str, Any] = {
        spots: _circles(points, np.full(len(points), diameter / 2), adata.obs_names, {name: held})
    }
    image = histology(adata, folder)
    if image is not None:
        pixels, units = image.thumbnail(_SIDE)
        elements[f"{stem}_histology"] = models.Image2DModel.parse(
            np.moveaxis(pixels, -1, 0),
            dims=("c", "y", "x"),
            c_coords=["r", "g", "b"],
            transformations={name: transformations.Scale([units, units], axes=("x", "y"))},
        )
    table = adata.copy()
    table.uns.pop(slots.SPATIAL, None)
    table.obs["region"] = np.full(adata.n_obs, spots)
    table.obs["region"] = table.obs["region"].astype("category")
    table.obs["instance_id"] = adata.obs_names.to_numpy()
    spatialdata.sanitize_table(table)
    elements[stem] = models.TableModel.parse(
        table, region=spots, region_key="region", instance_key="instance_id"
    )
    made: SpatialData = spatialdata.SpatialData.init_from_elements(elements)
    return made


def _library() -> ModuleType:
    try:
        import spatialdata
        import spatialdata.models
        import spatialdata.transformations
    except ImportError as error:
        raise InputError(
            "Expected the library spatialdata, found it is not installed.",
            remedy='Try: pip install "napari-spatialrecon[spatialdata]"',
        ) from error
    library: ModuleType = spatialdata
    return library


def _transform(aligned: AnnData) -> Transform:
    transform = stored_transform(aligned)
    if transform is None:
        raise InputError(
            f'Expected an alignment in uns["{slots.OURS}"]["{slots.ALIGNMENT}"], found none.',
            remedy="Try a table that 'spatialrecon align' or Align to histology wrote.",
            where="aligned",
        )
    return transform


def _diameter(adata: AnnData) -> float:
    """Return the diameter of a spot or cell in the unit of the coordinates."""
    stated = SlideScale.read(adata).spot_diameter
    if stated is not None:
        return stated
    return _SHARE * float(np.median(nearest(contract.coordinates(adata), 1)[1]))


def _affine(transform: Transform) -> Any:
    matrix = transform.matrix / transform.matrix[2, 2]
    return _library().transformations.Affine(matrix, ("x", "y"), ("x", "y"))


def _circles(
    points: np.ndarray, radius: np.ndarray, names: Any, transformations: dict[str, Any]
) -> Any:
    return _library().models.ShapesModel.parse(
        points, geometry=0, radius=radius, index=names, transformations=transformations
    )
