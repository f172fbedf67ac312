"""What is known of one cell or spot of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import EXPECTED, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.layer_values import rows_of, type_column
from napari_spatialrecon.viewer.canvas.layers import NAMES, um_per_layer_unit
from napari_spatialrecon.viewer.canvas.point_values import LABELS, WORDS
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.landmarks.portrait import Portraits
from napari_spatialrecon.viewer.place.whereabouts import radius_of
from napari_spatialrecon.viewer.window.words import length
from napari_spatialrecon.viewer.workspace.selection import names_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points

MOST_COLUMNS = 8


@dataclass(frozen=True)
class Described:
    """What is said of one cell or spot.

    Parameters
    ----------
    kind
        Its type; empty without a column of types.
    genes
        Those that it has more of than the layer on average, the strongest first.
    certainty
        How certain its place is; empty of cells that were not placed.
    columns
        Names and values of further columns.
    """

    name: str
    kind: str
    genes: tuple[str, ...]
    certainty: str
    columns: tuple[tuple[str, str], ...]


def describe_point(layer: Points, row: int, portraits: Portraits | None = None) -> Described:
    """Return what is known of a point of a layer.

    Parameters
    ----------
    portraits
        Of the layer's table, if they are at hand.
    """
    adata = table_of(layer)
    own: pd.Series = layer.features.iloc[row]
    genes: tuple[str, ...] = ()
    if adata is not None:
        of = rows_of(layer, adata)
        at = row if of is None else int(of[row])
        if at >= 0:
            own = adata.obs.iloc[at]
            genes = (portraits or Portraits(adata)).genes(at)
    column = type_column(layer)
    kind = "" if column is None or column not in own else _text(own[column])
    told = {column, NAMES, UNCERTAINTY, EXPECTED}
    others = [name for name in own.index if name not in told]
    further = [(LABELS.get(name, str(name)), _told(name, own[name])) for name in others]
    shown = tuple(pair for pair in further if pair[1])[:MOST_COLUMNS]
    return Described(str(names_of(layer)[row]), kind, genes, _certainty(layer, row), shown)


def _certainty(layer: Points, row: int) -> str:
    if UNCERTAINTY not in layer.features:
        return ""
    radius = radius_of(layer, row)
    if not np.isfinite(radius):
        return "Its place is uncertain by an unknown distance."
    unit = "µm" if um_per_layer_unit(layer) else "units"
    if EXPECTED not in layer.features:
        return (
            f"Its likely places spread over {length(radius, unit)}: not calibrated, so no error "
            "is stated."
        )
    error = radius_of(layer, row, EXPECTED)
    return (
        f"Expected error {length(error, unit)}: half of such cells lie nearer to their true place, "
        f"9 of 10 within {length(radius, unit)} (90% radius, the ring)."
    )


def _told(name: str, value: object) -> str:
    """Return a value of a column in words: those of a column that is True or False."""
    if name in WORDS and isinstance(value, bool | np.bool_):
        return WORDS[name][int(value)]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if np.isfinite(value) else ""
    return "" if value is None else str(value)
