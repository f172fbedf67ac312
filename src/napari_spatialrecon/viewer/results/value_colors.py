"""Colors of two results that say something of the same spots: one meaning for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.evaluation.palette import category_colors
from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.colors import ColorKey, set_point_colors
from napari_spatialrecon.viewer.canvas.pies import show_pies

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_spatialrecon.tasks.value_comparison import ValueComparison

DIFFERENCE_COLORS = "PiYG"
_TOP = 0.98
"""Quantile of the values at the end of the colors."""
_KINDS = {"impute-genes": "viridis", "super-resolve": "magma", "deconvolve": "viridis"}
"""Color map of each task, as its own layers have it."""


def color_sides(
    points: Sequence[Points],
    comparison: ValueComparison,
    name: str,
    keys: Sequence[ColorKey | None],
) -> ColorKey | None:
    """Color both sides by a type or gene in the same limits, or by all types as pies.

    Parameters
    ----------
    points
        Layers of the first and of the second, in the viewer.
    name
        Empty for the pies of all types.
    keys
        What the colors of the two results mean: types keep theirs.

    Returns
    -------
    What the colors mean; None of pies.
    """
    if not name:
        _draw_pies(points, comparison, keys)
        return None
    values = comparison.of(name)
    low, top = (float(np.quantile(np.concatenate(values), q)) for q in (1 - _TOP, _TOP))
    limits = (min(0.0, low), top if top > 0 else 1.0)
    made = None
    for layer, own in zip(points, values, strict=True):
        made = set_point_colors(
            layer,
            own,
            kind="gene",
            title=f"{name}, {comparison.kind.unit}",
            colormap=_KINDS[comparison.kind.task],
            limits=limits,
        )
    show_bar(points[1], None)  # that of the first is of both
    return made


def color_by_difference(
    layer: Points, comparison: ValueComparison, name: str, sides: tuple[str, str]
) -> ColorKey:
    """Color by how much more the second has of a type or gene than the first."""
    first, second = comparison.of(name)
    difference = second - first
    top = float(np.quantile(np.abs(difference), _TOP)) or 1.0
    return set_point_colors(
        layer,
        difference,
        kind="gene",
        title=f"{name}: {sides[1]} less {sides[0]}, {comparison.kind.unit}",
        colormap=DIFFERENCE_COLORS,
        limits=(-top, top),
    )


def _draw_pies(
    points: Sequence[Points], comparison: ValueComparison, keys: Sequence[ColorKey | None]
) -> None:
    import pandas as pd

    types = list(comparison.names)
    palette = dict(category_colors(types))
    for key in reversed(keys):  # those of the first come last, and stay
        for entry in () if key is None else key.entries:
            if entry.name in palette and not entry.missing:
                palette[entry.name] = _hex(entry.color)
    for layer, shares in zip(points, comparison.values, strict=True):
        largest = np.asarray(shares).argmax(axis=1)
        main = pd.Categorical.from_codes(largest, types, ordered=True)
        set_point_colors(layer, main, kind="category", title="main cell type", palette=palette)
        show_pies(layer, np.asarray(shares), types)


def _hex(color: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in color[:3])
