"""Colors of points by category, gene or uncertainty, and their legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex, to_rgba

from napari_spatialrecon.evaluation import palette

Kind = Literal["category", "gene", "uncertainty"]

_COLOR_MAPS: dict[str, str] = {"gene": "viridis", "uncertainty": "magma"}
#: Maximum number of categories in a legend; the others share one grey line.
_MOST_CATEGORIES = 30


@dataclass(frozen=True)
class Paint:
    """Colors, (n_points, 4), and their legend."""

    rgba: np.ndarray
    entries: tuple[tuple[str, str, int], ...] = ()
    scale: ScalarMappable | None = None
    clipped: bool = False


def paint_points(values: Any, kind: Kind | None, n: int, um_per_unit: float | None) -> Paint:
    """Return the colors of `n` points; parameters as in `pictures.overlay`.

    The color map ends at the 99th percentile, so that a single cell does not darken all others.
    """
    if values is None:
        return Paint(np.tile(to_rgba(palette.METHOD), (n, 1)))
    column = pd.Series(values).reset_index(drop=True)
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if kind == "category" or not numeric:
        return _paint_categories(column)
    numbers = column.to_numpy(float, na_value=np.nan)
    if kind == "uncertainty":
        numbers = numbers * (um_per_unit or 1.0)
    known = np.isfinite(numbers)
    low, high, top = (
        (float(numbers[known].min()), *np.quantile(numbers[known], [0.99, 1.0]))
        if known.any()
        else (0.0, 1.0, 1.0)
    )
    missing = (("no value", palette.OTHER, int((~known).sum())),) if not known.all() else ()
    if top - low <= 1e-6 * abs(top):  # the same but for rounding: a line, as a bar has no ends
        middle = ScalarMappable(Normalize(0.0, max(2 * top, 1e-9)), _COLOR_MAPS[kind or "gene"])
        rgba = np.asarray(middle.to_rgba(np.where(known, low, 0.0)))
        entry = (f"{low:,.4g}", to_hex(middle.to_rgba(low)), int(known.sum()))
        rgba[~known] = to_rgba(palette.OTHER)
        return Paint(rgba, (entry, *missing))
    high = high if high > low else max(top, low + 1e-9)
    scale = ScalarMappable(Normalize(low, high), _COLOR_MAPS[kind or "gene"])
    rgba = np.asarray(scale.to_rgba(np.where(known, numbers, low)))
    rgba[~known] = to_rgba(palette.OTHER)
    return Paint(rgba, missing, scale, clipped=bool(top > high))


def _paint_categories(column: pd.Series) -> Paint:
    words = column.astype("category")
    counts = words.value_counts(sort=False)
    names = [name for name in words.cat.categories if counts[name]]
    if len(names) > _MOST_CATEGORIES:
        common = set(counts.sort_values(ascending=False, kind="stable").index[:_MOST_CATEGORIES])
        names = [name for name in names if name in common]
    colors = palette.category_colors([str(name) for name in names])
    entries = [(str(name), colors[str(name)], int(counts[name])) for name in names]
    table = np.array([to_rgba(color) for _, color, _ in entries] + [to_rgba(palette.OTHER)])
    number = pd.Series(range(len(names)), index=pd.Index(names, dtype=object))
    codes = number.reindex(pd.Index(words.astype(object))).fillna(len(names)).to_numpy(int)
    rest = int((codes == len(names)).sum())
    if rest:
        others = int((counts > 0).sum()) - len(names)
        entries.append((f"{others} others" if others else "no value", palette.OTHER, rest))
    return Paint(table[codes], tuple(entries))
