"""Columns of a layer's points, without copies of those that stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points


def add_feature(layer: Points, name: str, values: Any) -> None:
    """Add a column of values (n_points,) to the features of a layer."""
    features = layer.features.copy(deep=False)
    features[name] = values
    _take(layer, features)


def drop_feature(layer: Points, name: str) -> None:
    """Remove a column from the features of a layer."""
    features = layer.features.copy(deep=False)
    del features[name]
    _take(layer, features)


def _take(layer: Points, features: pd.DataFrame) -> None:
    """Let napari take the features of a layer as they are.

    It copies them twice, and all names of a million points with them.
    """
    from napari.layers.utils.layer_utils import _validate_feature_defaults

    table: Any = layer._feature_table

    def keep(values: pd.DataFrame, *, num_data: int | None = None) -> None:
        table._values = values
        table._defaults = _validate_feature_defaults(None, values)

    table.set_values = keep
    try:
        layer.features = features
    finally:
        del table.set_values
