"""Colors of categories and color maps, in the form that napari takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.evaluation.palette import OTHER, category_colors

if TYPE_CHECKING:
    from napari.utils.colormaps import Colormap

#: Color of points whose value is missing.
MISSING = OTHER
CERTAINTY = "certainty"
"""Name of the color map of uncertainties: viridis from its light end, which stands for the most
certain, to the blue before its purple, which would vanish on stained nuclei."""
_CERTAINTY_ENDS = (1.0, 0.33)


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


def color_map(name: str) -> Colormap:
    """Return a color map of napari, or ours."""
    from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, ensure_colormap

    if name == CERTAINTY and name not in AVAILABLE_COLORMAPS:
        steps = ensure_colormap("viridis").map(np.linspace(*_CERTAINTY_ENDS, 64))
        AVAILABLE_COLORMAPS[name] = Colormap(steps, name=name)
    return ensure_colormap(name)
