"""Conversion between AnnData, (x, y) in its own unit, and napari layers, (y, x) in µm.

The axes are swapped here and nowhere else. If the scale of the data is unknown, a layer keeps the
data's unit, and its metadata says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS, SPATIAL
from napari_spatialrecon.viewer.canvas.table_metadata import table_metadata, table_of
from napari_spatialrecon.viewer.canvas.tiles import shift_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer, Points

    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.tissue.slide_frame import SlideFrame

LayerData = tuple[Any, dict[str, Any], str]
V = TypeVar("V", bound="ViewerModel")

NAMES = "obs_names"
"""Feature column with the names of cells or spots."""
CELL_UM = 10.0
"""Default diameter of a cell."""
LEAST_PIXELS, MOST_LEAST = 2.5, 11.0
"""Points are never drawn smaller on screen than between these, by their number."""
_CROWD = 100_000
_SPACING_SHARE = 0.55
"""Diameter over spacing if no diameter is stated, as for 55 µm spots 100 µm apart."""


def to_layer(points_xy: np.ndarray, um_per_unit: float = 1.0) -> np.ndarray:
    """Return points (n, 2) as (y, x) in µm from (x, y) in the data's unit.

    Examples
    --------
    >>> to_layer(np.array([[1.0, 2.0]]), um_per_unit=10.0)
    array([[20., 10.]])
    """
    return np.asarray(points_xy, np.float64)[:, ::-1] * um_per_unit


def from_layer(points_yx: np.ndarray, um_per_unit: float = 1.0) -> np.ndarray:
    """Return points (n, 2) as (x, y) in the data's unit from (y, x) in µm; undoes `to_layer`."""
    return np.asarray(points_yx, np.float64)[:, ::-1] / um_per_unit


def transform_to_layer(matrix: np.ndarray, um_per_unit: float = 1.0) -> np.ndarray:
    """Return a (3, 3) map of (x, y) points in the data's unit as one of (y, x) points in µm."""
    flip = np.array([[0.0, um_per_unit, 0.0], [um_per_unit, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return flip @ np.asarray(matrix, np.float64) @ np.linalg.inv(flip)


def layer_coordinates(layer: Points, um_per_unit: float = 1.0) -> np.ndarray:
    """Return a points layer's coordinates (n, 2) as (x, y) in the data's unit.

    The layer's scale, translation, rotation and affine are applied: the points are returned where
    they are displayed, relative to the layer's tile.

    Raises
    ------
    InputError
        The layer is not two-dimensional.
    """
    if layer.ndim != 2:
        raise InputError(
            f"Expected a layer in two dimensions, found {layer.ndim}.",
            remedy="Try one plane of it.",
            where=layer.name,
        )
    points = np.asarray(layer.data, np.float64)
    world = np.asarray(layer._data_to_world(points)) if len(points) else points
    return from_layer(world * (um_per_layer_unit(layer) or 1.0) - shift_of(layer), um_per_unit)


def um_per_layer_unit(layer: Layer) -> float | None:
    """Return the µm per unit of a layer's world coordinates, None if that is not known.

    A slide of unknown scale is drawn with a unit as a µm beside slides in µm, and is told by its
    metadata.
    """
    import pint

    unit = layer.units[-1]
    if not unit.is_compatible_with("um") or layer.metadata.get(OURS, {}).get("unit") == "unit":
        return None
    return float(pint.get_application_registry().Quantity(1.0, unit).to("um").magnitude)


def histology_layer(
    histology: Histology,
    um_per_unit: float | None,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> LayerData:
    """Return a histology image as a multiscale Image layer in µm.

    Parameters
    ----------
    histology
        Its levels are (y, x, 3), finest first.
    um_per_unit
        Micrometers per unit of the slide's coordinates; None if unknown.
    name
        Name of the slide; by default that of the image.
    """
    step = histology.units_per_pixel * (um_per_unit or 1.0)
    levels = list(histology.levels)
    kwargs = {
        "name": f"{name or histology.name} H&E",
        "rgb": True,
        "multiscale": len(levels) > 1,
        "scale": (step, step),
        **_AXES,
        "metadata": {OURS: _ours(um_per_unit, {"role": "histology", **(metadata or {})})},
    }
    return (levels if len(levels) > 1 else levels[0], kwargs, "image")


def spots_layer(
    adata: AnnData,
    *,
    name: str,
    frame: SlideFrame | None = None,
    diameter: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> LayerData:
    """Return a slide's spots as a Points layer at their true diameter, named "`name` spots".

    Parameters
    ----------
    adata
        Holds `obsm["spatial"]`; not changed.
    frame
        Frame of `adata`, if it has been read already.
    diameter
        In the data's unit; by default that of the platform's spots (Visium 55 µm), else what the
        library states, else a fraction of the distance between neighbours.
    metadata
        Added to the layer's ``metadata["spatialrecon"]``, for instance the provenance of a result.
    """
    frame = frame or _read(adata)
    size = diameter or spot_diameter(frame)
    details = {"role": "slide", **(metadata or {})}
    return _points(adata, f"{name} spots", frame, size, LEAST_PIXELS, details)


def spot_diameter(frame: SlideFrame) -> float:
    """Return the diameter of spots in the slide's unit: stated, else a share of their distance."""
    return frame.spot_diameter or frame.spacing * _SPACING_SHARE


def cells_layer(
    adata: AnnData,
    *,
    name: str,
    frame: SlideFrame | None = None,
    diameter: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> LayerData:
    """Return cells as a Points layer, by default 10 µm wide.

    The parameters are those of `spots_layer`; `name` is the full name of the layer, for instance
    "batch 1 · GEARS". Without a diameter, a few cells stay visible when the whole section is shown.
    """
    frame = frame or _read(adata)
    um = frame.um_per_unit
    size = diameter or (CELL_UM / um if um else frame.spacing * _SPACING_SHARE)
    least = LEAST_PIXELS if diameter else least_pixels(adata.n_obs)
    return _points(adata, name, frame, size, least, {"role": "result", **(metadata or {})})


def to_adata(layer: Points) -> AnnData:
    """Return the table of a points layer, with its coordinates as displayed now on its tile.

    A layer made from AnnData gives back its rows, without points added or deleted by hand; any
    other layer gives a table without genes.

    Returns
    -------
    `obsm["spatial"]` is (x, y): in the unit of the source for a layer made here, in µm for any
    other layer whose unit is a length, else in the layer's unit.
    """
    import pandas as pd
    from anndata import AnnData

    ours = layer.metadata.get(OURS, {})
    points = layer_coordinates(layer, ours.get("um_per_unit") or 1.0)
    features = pd.DataFrame(layer.features).copy()
    names = features.pop(NAMES) if NAMES in features else pd.Series(range(len(points)))
    source = table_of(layer)
    if source is not None and NAMES in layer.features:
        known = names.isin(source.obs_names).to_numpy()
        adata = source[names[known].astype(str)].copy()
        points, features = points[known], features[known]
    elif source is not None and source.n_obs == len(points):
        adata = source.copy()
        adata.uns[OURS] = {"unit": _layer_unit(layer)}
    else:
        adata = AnnData(obs=pd.DataFrame(index=names.astype(str)))
        adata.uns[OURS] = {"unit": _layer_unit(layer)}
    for column in features:
        adata.obs[column] = features[column].to_numpy()
        if isinstance(features[column].dtype, pd.CategoricalDtype):
            adata.obs[column] = pd.Categorical(features[column])
    if not _are_places_of(adata, points):
        adata.obsm[SPATIAL] = points
    return adata


def _are_places_of(adata: AnnData, points: np.ndarray) -> bool:
    """Return whether points are the coordinates of a table, up to the rounding of the canvas."""
    known = np.asarray(adata.obsm.get(SPATIAL, ()))
    if known.shape != points.shape or not len(points):
        return False
    rounding = 1e-9 * max(1.0, float(np.abs(points).max()))
    return bool(np.allclose(known, points, rtol=0.0, atol=rounding))


def _points(
    adata: AnnData,
    name: str,
    frame: SlideFrame,
    diameter: float,
    least: float,
    details: dict[str, Any],
) -> LayerData:
    um = frame.um_per_unit
    features = adata.obs.reset_index(drop=True)
    features.insert(0, NAMES, adata.obs_names.to_numpy().astype(object), allow_duplicates=False)
    kwargs = {
        "name": name,
        "features": features,
        "size": diameter * (um or 1.0),
        "canvas_size_limits": (least, 10_000.0),
        "border_width": 0.0,
        "face_color": "#56B4E9",
        "border_color": "transparent",  # napari draws a rim of width 0 around small points
        **_AXES,
        "metadata": table_metadata(adata, name, _ours(um, details)),
    }
    return to_layer(frame.coordinates, um or 1.0), kwargs, "points"


def least_pixels(n: int) -> float:
    """Return the diameter below which n points of a layer are not drawn on screen.

    A few remain large enough to see their color when a whole section is shown; many would hide
    each other.

    Examples
    --------
    >>> least_pixels(300), round(least_pixels(6_509), 1), least_pixels(100_000)
    (11.0, 3.9, 2.5)
    """
    return float(np.clip(np.sqrt(_CROWD / max(1, n)), LEAST_PIXELS, MOST_LEAST))


def _read(adata: AnnData) -> SlideFrame:
    from napari_spatialrecon.tissue.slide_frame import SlideFrame

    return SlideFrame.read(adata)


def _layer_unit(layer: Layer) -> str:
    return "unit" if um_per_layer_unit(layer) is None else "um"


#: Also of slides of unknown scale: layers of different units cost all of them their units.
_AXES: dict[str, Any] = {"axis_labels": ("y", "x"), "units": ("um", "um")}


def _ours(um_per_unit: float | None, details: Mapping[str, Any]) -> dict[str, Any]:
    unit = "um" if um_per_unit else "unit"
    return {"unit": unit, "um_per_unit": um_per_unit, **details}


def linear_part(layer: Layer) -> np.ndarray:
    """Return the linear part of a layer's map from data to world, (2, 2) for (y, x)."""
    origin, down, right = (
        np.asarray(layer._data_to_world(point), float) for point in ((0, 0), (1, 0), (0, 1))
    )
    return np.column_stack([down - origin, right - origin])


def to_data(layer: Layer, world: np.ndarray) -> np.ndarray:
    """Return points in a layer's data coordinates from points in the world."""
    origin = np.asarray(layer._data_to_world((0, 0)), float)
    return np.linalg.solve(linear_part(layer), (world - origin).T).T


def unwrapped(viewer: V) -> V:
    """Return the viewer itself: napari passes widgets a proxy, which may be deleted before it."""
    return getattr(viewer, "__wrapped__", viewer)
