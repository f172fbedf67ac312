"""Colours that stay apart for readers with deficient colour vision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from napari_spatialrecon.errors import InputError

#: Okabe and Ito without black (black points vanish on a dark canvas), then colours added one at a
#: time, each the farthest (CIEDE2000) from all before it and from `MISSING`, the distance being
#: the least over normal vision, deuteranopia and protanopia (Machado et al. 2009, severity 1).
CATEGORIES = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#9B0D1B",
    "#AAF1C6", "#9B0D62", "#8DF1FF", "#627FFF", "#467054", "#46C67F", "#460DE2", "#F1AAC6",
    "#9B627F", "#C61B46", "#29469B", "#54FF9B", "#F11B62", "#C6290D", "#70547F", "#D48D54",
    "#9BC6AA", "#9B1BFF", "#FF70D4", "#7FD4FF", "#9BD462", "#0D6238", "#0DE2D4", "#C61BC6",
    "#F1628D", "#8D709B", "#54E29B", "#E238E2", "#0D9B29", "#C62962", "#0D8D70", "#387038",
    "#54C6B8", "#0DAAB8", "#E21B9B", "#FFC6E2", "#E2C60D", "#F19B7F", "#8D0D7F", "#7F7FB8",
)  # fmt: skip

#: Colour of points whose value is missing.
MISSING = "#888888"


def to_rgba(color: str | Sequence[float]) -> np.ndarray:
    """Return one colour as (4,) float32 RGBA in [0, 1]."""
    from napari.utils.colormaps.standardize_color import transform_color

    return np.asarray(transform_color(color if isinstance(color, str) else [color])[0], np.float32)


def category_colors(
    names: Sequence[str], palette: Mapping[str, str] | Sequence[str] | None = None
) -> np.ndarray:
    """Return a colour for each category.

    Parameters
    ----------
    names
        Names of the categories, in the order of the legend.
    palette
        Colours by name (names left out take the default ones), or colours in order. Default:
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
            "Expected at least one colour, found an empty palette.",
            remedy="Leave the palette out to use the colour-blind-safe one.",
        )
    colors = [
        to_rgba(by_name.get(name, in_order[i % len(in_order)])) for i, name in enumerate(names)
    ]
    return np.array(colors, np.float32).reshape(-1, 4)
