"""Pictures of communities, and of the vicinity of a type, as the command line draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.canvas.layers import layer_coordinates, um_per_layer_unit
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.figures_model import types_of
from napari_spatialrecon.viewer.inspect.selected import rows_of_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from napari.layers import Points


def communities_picture(layer: Points, column: str) -> Figure:
    """Draw the communities in a column of a layer, each with main type and purity."""
    import pandas as pd

    from napari_spatialrecon.report.figures import draw_communities

    types, groups = types_of(layer), layer.features[column].reset_index(drop=True)
    known = pd.Series([None] * len(groups)) if types is None else pd.Series(types)
    scale = 1.0 if um_per_layer_unit(layer) else None
    return draw_communities(layer_coordinates(layer), groups, known, um_per_unit=scale).figure


def vicinity_picture(
    layer: Points, near: np.ndarray, far: np.ndarray, genes: Sequence[str], target: str
) -> Figure:
    """Draw the points near a type and farther away (int), and genes in both."""
    from napari_spatialrecon.report.figures import draw_vicinity
    from napari_spatialrecon.report.ground import opened
    from napari_spatialrecon.report.near_types import vicinity
    from napari_spatialrecon.tasks.groups import log_expression

    adata = table_of(layer)
    assert adata is not None, "genes were tested in it"
    inside = rows_of_table(layer, adata, near)[0]
    tested = inside | rows_of_table(layer, adata, far)[0]
    logs, used = log_expression(adata)
    found = vicinity(adata, (logs[tested], used), inside, inside[tested], target, genes)
    assert found is not None, "the genes are the table's"
    image = opened(adata, None) if SPATIAL in adata.obsm else None
    if image is None:
        places = layer_coordinates(layer)
        return draw_vicinity(found, near=places[near], far=places[far])
    places = contract.coordinates(adata)
    return draw_vicinity(found, near=places[inside], far=places[tested & ~inside], image=image)
