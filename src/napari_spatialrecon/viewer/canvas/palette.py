"""The colors of `evaluation.palette` in the form that napari takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_spatialrecon.evaluation.palette import OTHER, category_colors

#: Color of points whose value is missing.
MISSING = OTHER


def to_rgba(color: str | Sequence[float]) -> np.ndarray:
    """Return one color as (4,) float32 RGBA in [0, 1]."""
    from napari.utils.colormaps.standardize_color import transform_color

    return np.asarray(transform_color(color if isinstance(color, str) else [color])[0], np.float32)


def category_rgba(
    names: Sequence[str], palette: Mapping[str, str] | Sequence[str] | None = None
) -> np.ndarray:
    """Return the color of each category, (n_names, 4) float32 RGBA; see `category_colors`."""
    colors = category_colors(names, palette)
    return np.array([to_rgba(colors[name]) for name in names], np.float32).reshape(-1, 4)
