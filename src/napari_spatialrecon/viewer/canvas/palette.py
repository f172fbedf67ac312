"""Colors that stay apart for readers with deficient color vision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.palette import CATEGORIES, OTHER

#: Color of points whose value is missing.
MISSING = OTHER


def to_rgba(color: str | Sequence[float]) -> np.ndarray:
    """Return one color as (4,) float32 RGBA in [0, 1]."""
    from napari.utils.colormaps.standardize_color import transform_color

    return np.asarray(transform_color(color if isinstance(color, str) else [color])[0], np.float32)


def category_rgba(
    names: Sequence[str], palette: Mapping[str, str] | Sequence[str] | None = None
) -> np.ndarray:
    """Return a color for each category.

    Parameters
    ----------
    names
        Names of the categories, in the order of the legend.
    palette
        Colors by name (names left out take the default ones), or colors in order. Default:
        `CATEGORIES`, from its start again after the 48th.

    Returns
    -------
    (n_names, 4) float32 RGBA.

    Raises
    ------
    InputError
        The palette is an empty sequence.
    """
    by_name = palette if isinstance(palette, Mapping) else {}
    in_order = CATEGORIES if palette is None or isinstance(palette, Mapping) else tuple(palette)
    if not in_order:
        raise InputError(
            "Expected at least one color, found an empty palette.",
            remedy="Leave the palette out to use the color-blind-safe one.",
        )
    colors = [
        to_rgba(by_name.get(name, in_order[i % len(in_order)])) for i, name in enumerate(names)
    ]
    return np.array(colors, np.float32).reshape(-1, 4)
