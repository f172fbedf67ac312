"""Regions of QuPath as a column of spots or cells, and a column as objects for QuPath: GeoJSON.

QuPath's File > Object data > Export as GeoJSON writes a FeatureCollection; coordinates are (x, y)
in pixels of the full-resolution image, from its top left corner, y down [1]_. A feature's class is
``properties.classification``: ``name`` (or ``names`` of a derived class) and ``color`` (or, before
version 0.4, ``colorRGB``, a signed ARGB integer). A feature without a class goes by
``properties.name``.

References
----------
.. [1] QuPath documentation, "Exporting annotations", "Units and origin".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.alignments.frames import Frames
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata

COLUMN = "region"
"""Column of `obs` that regions are read into, unless another is asked for."""
_UNNAMED = "Unclassified"
#: Radius of a written spot: a share of the median distance of neighbours, and at most a share of
#: the spot's own, so that circles do not overlap.
_SHARE, _MOST = 0.275, 0.45
_CORNERS = 16


@dataclass(frozen=True, eq=False)
class Region:
    """A region of an image.

    Parameters
    ----------
    name
        Its class, else its name.
    color
        ``#rrggbb``, or None.
    polygons
        Each an outer ring and its holes; a ring is (k, 2) as (x, y) in full-resolution pixels.
    """

    name: str
    color: str | None
    polygons: tuple[tuple[np.ndarray, ...], ...]

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return sum(_area(outer) - sum(map(_area, holes)) for outer, *holes in self.polygons)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Return which of (n, 2) points lie in the region, (n,) bool."""
        from matplotlib.path import Path as Ring

        inside = np.zeros(len(points), bool)
        for outer, *holes in self.polygons:
            low, high = outer.min(axis=0), outer.max(axis=0)
            near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
            here = Ring(outer).contains_points(points[near])
            for hole in holes:
                here &= ~Ring(hole).contains_points(points[near])
            inside[near[here]] = True
        return inside


def read_regions(path: str | Path) -> list[Region]:
    """Return the polygons of a GeoJSON file; points and lines are excluded.

    Raises
    ------
    InputError
        The file is not GeoJSON, or holds no polygon.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not valid JSON"
        raise _no_regions(path, reason) from error
    regions = []
    for feature in _features(content):
        geometry = feature.get("geometry")
        rings = _rings(geometry) if isinstance(geometry, Mapping) else ()
        if rings:
            regions.append(Region(*_class(feature.get("properties")), rings))
    if not regions:
        raise _no_regions(path, "none")
    return regions


@takes_spatialdata
def add_regions(adata: Table, path: str | Path, *, column: str = COLUMN) -> AnnData:
    """Return a copy of a slide with the region of each spot or cell as a column of `obs`.

    Parameters
    ----------
    adata
        A slide in the frame of the image that the regions were drawn on; not modified.
    path
        GeoJSON as QuPath exports it.
    column
        New categorical column; missing where a spot is in no region. Where regions overlap, the
        smallest counts. ``uns["<column>_colors"]`` holds their colors, as scanpy reads them.

    Raises
    ------
    InputError
        The file holds no regions, no spot lies in any, or the column exists.

    Examples
    --------
    >>> slide = add_regions(slide, "annotations.geojson")  # doctest: +SKIP
    >>> sc.pl.spatial(slide, color="region")  # doctest: +SKIP
    """
    if column in adata.obs:
        raise InputError(
            f"Expected a new column, found {column!r} in obs.",
            remedy=f"Try {argument('column', free_column(adata, column))}.",
            where="obs",
        )
    labels, colors = region_labels(adata, path)
    marked = adata.copy()
    marked.obs[column] = labels
    marked.uns[f"{column}_colors"] = colors
    return marked


def region_labels(adata: AnnData, path: str | Path) -> tuple[pd.Categorical, list[str]]:
    """Return the region of each spot or cell, (n,), and the color of each category.

    Raises
    ------
    InputError
        The file holds no regions, or no spot lies in any.
    """
    regions = read_regions(path)
    points = contract.coordinates(adata) / Frames.of(adata).image_pixel
    names = list(dict.fromkeys(region.name for region in regions))
    codes = np.full(adata.n_obs, -1)
    for region in sorted(regions, key=lambda region: -region.area):
        codes[region.holds(points)] = names.index(region.name)
    if (codes < 0).all():
        low, high = points.min(axis=0), points.max(axis=0)
        raise InputError(
            "Expected regions on the image of this slide, found no spot in any of the "
            f"{len(regions)}: spots span x {low[0]:.0f} to {high[0]:.0f}, y {low[1]:.0f} to "
            f"{high[1]:.0f} pixels.",
            remedy="Try exporting them from the full-resolution image that the slide was aligned "
            "to.",
            where=str(path),
        )
    return pd.Categorical.from_codes(codes, names), _colors(regions, names)


@takes_spatialdata
def write_regions(adata: Table, path: str | Path, *, column: str) -> Path:
    """Write the spots or cells of a slide as detections for QuPath, by the classes of a column.

    Each is a circle around its position, in full-resolution pixels; those without a class are left
    out. `add_regions` reads the same column back.

    Parameters
    ----------
    adata
        Slide or placed cells with their image's frame; not modified.
    path
        File to write, .geojson.
    column
        Column of ``obs`` whose values are the classes.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        There is no such column.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> sr.write_regions(placed, "cells.geojson", column="cell_type")  # doctest: +SKIP
    """
    if column not in adata.obs:
        found = ", ".join(map(str, adata.obs.columns)) or "none"
        raise InputError(
            f"Expected a column of obs, found no {column!r} (there are: {found}).",
            remedy=f"Try {argument('column', str(adata.obs.columns[0]))}."
            if len(adata.obs.columns)
            else "Try a table with labels.",
            where="obs",
        )
    labels = adata.obs[column].astype("category")
    colors = dict(zip(labels.cat.categories, _stored_colors(adata, column), strict=False))
    points = contract.coordinates(adata) / Frames.of(adata).image_pixel
    apart = nearest(points, 1)[1].ravel()
    radii = np.minimum(_SHARE * np.median(apart), _MOST * apart)
    features = [
        _detection(xy, radius, str(label), colors[label])
        for xy, radius, label in zip(points, radii, labels, strict=True)
        if not pd.isna(label)
    ]
    storage.write_json(path, {"type": "FeatureCollection", "features": features})
    return Path(path)


def free_column(adata: AnnData, column: str = COLUMN) -> str:
    """Return a name for a new column of `obs`.

    Examples
    --------
    >>> free_column(AnnData(obs=pd.DataFrame({"region": [1]})))
    'region_2'
    """
    name, number = column, 2
    while name in adata.obs:
        name, number = f"{column}_{number}", number + 1
    return name


def _features(content: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(content, Mapping):
        content = content.get("features", [content])
    if not isinstance(content, list):
        return []
    return [item for item in content if isinstance(item, Mapping)]


def _rings(geometry: Mapping[str, Any]) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return the polygons of a geometry; none for points and lines."""
    kind, given = geometry.get("type"), geometry.get("coordinates")
    if kind == "GeometryCollection":
        parts = geometry.get("geometries", [])
        return tuple(polygon for part in parts for polygon in _rings(part))
    if kind not in ("Polygon", "MultiPolygon") or not given:
        return ()
    polygons = [given] if kind == "Polygon" else given
    try:
        return tuple(
            tuple(np.asarray(ring, float)[:, :2] for ring in polygon)
            for polygon in polygons
            if polygon
        )
    except (ValueError, TypeError, IndexError):  # corners that are no pairs of numbers
        return ()


def _class(properties: Any) -> tuple[str, str | None]:
    """Return the name of a feature's class and its color."""
    properties = properties if isinstance(properties, Mapping) else {}
    found = properties.get("classification")
    found = found if isinstance(found, Mapping) else {"name": found}
    names = found.get("names")
    name = found.get("name") or (": ".join(map(str, names)) if names else None)
    color = found.get("color", properties.get("color"))
    if color is None and "colorRGB" in found:
        number = int(found["colorRGB"])
        color = [number >> 16 & 255, number >> 8 & 255, number & 255]
    spoken = "#{:02x}{:02x}{:02x}".format(*color[:3]) if isinstance(color, list) else None
    return str(name or properties.get("name") or _UNNAMED), spoken


def _colors(regions: list[Region], names: list[str]) -> list[str]:
    stated = {region.name: region.color for region in regions if region.color is not None}
    return [stated.get(name, other) for name, other in zip(names, _palette(len(names)))]


def _palette(count: int) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["tab20"](number % 20)) for number in range(count)]


def _stored_colors(adata: AnnData, column: str) -> list[str]:
    count = len(adata.obs[column].astype("category").cat.categories)
    stored = list(adata.uns.get(f"{column}_colors", ()))
    return [str(color) for color in stored] if len(stored) == count else _palette(count)


def _detection(xy: np.ndarray, radius: float, name: str, color: str) -> dict[str, Any]:
    from matplotlib.colors import to_rgb

    turn = np.linspace(0, 2 * np.pi, _CORNERS + 1)
    ring = xy + radius * np.column_stack([np.cos(turn), np.sin(turn)])
    ring[-1] = ring[0]
    rgb = [round(255 * part) for part in to_rgb(color)]
    properties = {"objectType": "detection", "classification": {"name": name, "color": rgb}}
    geometry = {"type": "Polygon", "coordinates": [ring.round(4).tolist()]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _no_regions(path: Path, found: str) -> InputError:
    return InputError(
        f"Expected a GeoJSON file with polygons, found {found}.",
        remedy="Try QuPath's File > Object data > Export as GeoJSON.",
        where=str(path),
    )
