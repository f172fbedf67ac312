"""Communities of a layer's places, and genes of the vicinity of a type (GEARS, figures 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.communities import community_types, named
from napari_spatialrecon.tasks.groups import LEAST, markers
from napari_spatialrecon.tasks.vicinity import default_radius, near
from napari_spatialrecon.viewer.canvas.layer_values import layer_values, type_column
from napari_spatialrecon.viewer.canvas.layers import layer_coordinates, um_per_layer_unit
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.selected import rows_of_table
from napari_spatialrecon.viewer.place.diagnostics import spatial_communities

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop

FEWEST = 50
"""Fewest points of which communities are searched."""


def types_of(layer: Points) -> pd.Categorical | None:
    """Return the type (n_points,) of each point; None if no column holds types."""
    import pandas as pd

    column = type_column(layer)
    return None if column is None else pd.Categorical(layer_values(layer, column).values)


def suggested_radius(layer: Points) -> float:
    """Return 1.5 times the median distance to the nearest point, in µm where these are known."""
    return default_radius(layer_coordinates(layer)) if len(layer.data) > 1 else 1.0


def find_communities(
    layer: Points, resolution: float, should_stop: ShouldStop
) -> tuple[pd.Categorical, pd.DataFrame]:
    """Return the community (n_points,) of each point, and `tasks.communities.community_types`.

    Raises
    ------
    InputError
        There are fewer than 50 points.
    Stopped
        `should_stop` returned True.
    """
    import pandas as pd

    n = len(layer.data)
    if n < FEWEST:
        raise InputError(
            f"Expected at least {FEWEST} points to find communities in, found {n}.",
            where=layer.name,
        )
    places = layer_coordinates(layer)
    found = named(spatial_communities(places, should_stop, resolution=resolution))
    types = types_of(layer)
    known = pd.Series([None] * n) if types is None else pd.Series(types)
    return found, community_types(pd.Series(found), known)


def markers_near(
    layer: Points,
    asked: str,
    target: str,
    radius: float,
    progress: ProgressCallback,
    should_stop: ShouldStop,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the genes that tell cells of a type near another type from those farther away.

    Parameters
    ----------
    asked, target
        Cells of type `asked` are compared: those with a cell of type `target` within the radius,
        and all others.
    radius
        In µm where these are known, else in the layer's unit.

    Returns
    -------
    `tasks.groups.markers`, and the points (n,) int that are near and farther away.

    Raises
    ------
    InputError
        The layer has no counts or no types, or one of the groups has fewer than 3 cells.
    Stopped
        `should_stop` returned True.
    """
    adata, types = table_of(layer), types_of(layer)
    if adata is None or types is None:
        missing = "a table with counts" if adata is None else "a column of cell types"
        raise InputError(f"Expected {missing}, found none.", where=layer.name)
    places, kinds = layer_coordinates(layer), np.asarray(types.astype(str))
    of_asked, of_target = kinds == asked, kinds == target
    close = near(places, places[of_target], radius, own=of_target)
    inside, outside = of_asked & close, of_asked & ~close
    if min(inside.sum(), outside.sum()) < LEAST:
        unit = "µm" if um_per_layer_unit(layer) else "units"
        raise InputError(
            f"Expected at least {LEAST} cells of type {asked} within {radius:g} {unit} of {target} "
            f"and {LEAST} farther away, found {inside.sum():,} and {outside.sum():,}."
        )
    masks = [rows_of_table(layer, adata, np.flatnonzero(points))[0] for points in (inside, outside)]
    found = markers(adata, *masks, progress=progress, should_stop=should_stop)
    return found, np.flatnonzero(inside), np.flatnonzero(outside)


def communities_of(layer: Points, name: str) -> pd.DataFrame | None:
    """Return `tasks.communities.community_types` of a column of the layer; None without it."""
    import pandas as pd

    if name not in layer.features:
        return None
    types, groups = types_of(layer), layer.features[name].reset_index(drop=True)
    known = pd.Series([None] * len(groups)) if types is None else pd.Series(types)
    return community_types(groups, known)
