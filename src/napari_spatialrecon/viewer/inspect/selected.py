"""The selected cells or spots of a layer: what they are, and how they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.features import add_feature, drop_feature
from napari_spatialrecon.viewer.canvas.layer_values import (
    layer_values,
    rows_of,
    type_column,
    types_among,
)
from napari_spatialrecon.viewer.canvas.layers import layer_coordinates, um_per_layer_unit
from napari_spatialrecon.viewer.canvas.palette import MISSING, category_rgba
from napari_spatialrecon.viewer.canvas.table_metadata import set_table, table_of
from napari_spatialrecon.viewer.inspect.dot_view import Compared
from napari_spatialrecon.viewer.workspace.selection import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from anndata import AnnData
    from napari.layers import Points

    from napari_spatialrecon.viewer.workspace.selection import Selection

IN, OUT = "selected", "not selected"
"""Values of a column that keeps a selection."""
TORN, WHOLE = "torn", "whole"
"""Column of the pieces of a torn slide, and what is in none of them."""
_MOST_TYPES = 6
"""Types in a dot plot."""


@dataclass(frozen=True)
class Category:
    """One line of a composition.

    Parameters
    ----------
    color
        As in the legend, "#rrggbb".
    share, share_of_rest
        Of the selection, and of all other points of the layer, NaN if there are none.
    """

    name: str
    color: str
    count: int
    share: float
    share_of_rest: float


def composition_of(layer: Points, rows: np.ndarray) -> tuple[str, list[Category]]:
    """Return what a selection consists of, the most frequent first, and the title of its column.

    Categories are those that the layer is colored by; if it is colored by something else, those of
    its column of types, and none if it has no such column.
    """
    from napari_spatialrecon.tasks.groups import composition

    found = _categories(layer)
    if found is None:
        return "", []
    labels, title, colors = found
    mask = np.zeros(len(layer.data), bool)
    mask[rows] = True
    table = composition(labels, mask)
    return title, [
        Category(
            str(row.Index),
            colors.get(str(row.Index), MISSING),
            int(row.count),
            float(row.share),
            float(row.share_of_rest),
        )
        for row in table.itertuples()
    ]


def rows_of_category(layer: Points, rows: np.ndarray, name: str) -> np.ndarray:
    """Return those of the rows (n,) int that are of one line of `composition_of`."""
    found = _categories(layer)
    if found is None:
        return rows[:0]
    labels = np.asarray(found[0].astype(object), object)[rows]
    missing = np.array([label != label or label is None for label in labels], bool)
    return rows[np.where(missing, "missing", labels.astype(str)) == name]


def _categories(layer: Points) -> tuple[pd.Categorical, str, dict[str, str]] | None:
    """Return the category of each point, their title, and the color of each by name."""
    import pandas as pd

    key = color_key(layer)
    if key is not None and key.kind == "category":
        names = [entry.name for entry in key.entries]
        colors = {entry.name: _hex(entry.color) for entry in key.entries}
        return pd.Categorical.from_codes(key.codes, names), key.title, colors
    column = type_column(layer)
    if column is None:
        return None
    found = layer_values(layer, column)
    labels = pd.Categorical(found.values)
    names = [str(name) for name in labels.categories]
    colors = dict(zip(names, map(_hex, category_rgba(names, None)), strict=True))
    return labels, found.title, colors


def groups_of(layer: Points, rows: np.ndarray) -> tuple[AnnData, np.ndarray, np.ndarray]:
    """Return the table of a layer, and which of its rows are selected and which are the rest.

    The rest is all other points of the layer.

    Raises
    ------
    InputError
        Nothing is selected, or the layer has no table.
    """
    adata = table_of(layer)
    if not len(rows):
        raise InputError("Expected selected cells or spots, found none.", where=layer.name)
    if adata is None or not adata.n_vars:
        raise InputError("Expected counts of genes, found a layer without.", where=layer.name)
    return (adata, *rows_of_table(layer, adata, rows))


def compared_groups(
    layer: Points,
    first: np.ndarray,
    second: np.ndarray,
    names: tuple[str, str] = ("selection", "others"),
) -> Compared:
    """Return two groups of rows (n_cells,) bool of a layer's table, and those of its types.

    Types are the most frequent ones among both groups.
    """
    adata = table_of(layer)
    assert adata is not None, "its rows were compared"
    groups = dict(zip(names, (first, second), strict=True))
    column = types_among(adata.obs)
    if column is not None:
        kinds = adata.obs[column]
        for kind in kinds[first | second].value_counts().index[:_MOST_TYPES]:
            groups.setdefault(str(kind), (kinds == kind).to_numpy() & (first | second))
    return Compared(adata, groups)


@dataclass(frozen=True)
class Kept:
    """A column that was added, and what `undo` returns to."""

    layer: Points
    name: str
    in_table: bool

    def undo(self) -> None:
        """Remove the column from the table and from the layer."""
        adata = table_of(self.layer)
        if self.in_table and adata is not None and self.name in adata.obs:
            del adata.obs[self.name]
            set_table(self.layer, adata)
        if self.name in self.layer.features:
            drop_feature(self.layer, self.name)


def keep_as_column(layer: Points, rows: np.ndarray, name: str) -> Kept:
    """Write which cells or spots are selected as a column of a layer and of its table.

    Raises
    ------
    InputError
        Nothing is selected, the name is empty, or there is such a column or gene already.
    """
    import pandas as pd

    name = name.strip()
    if not name:
        raise InputError("Expected a name for the column, found none.")
    if not len(rows):
        raise InputError("Expected selected cells or spots, found none.", where=layer.name)
    adata = table_of(layer)
    taken = set(map(str, layer.features))
    if adata is not None:
        taken |= {*map(str, adata.obs), *map(str, adata.var_names)}
    if name in taken:
        raise InputError(f"Expected a new name, found {name!r}, which is taken.", where=layer.name)
    mask = np.zeros(len(layer.data), int)
    mask[rows] = 1
    if adata is not None:
        selected, rest = rows_of_table(layer, adata, rows)
        codes = np.where(selected, 1, np.where(rest, 0, -1))
        adata.obs[name] = pd.Categorical.from_codes(codes, [OUT, IN])
        set_table(layer, adata)
    add_feature(layer, name, pd.Categorical.from_codes(mask, [OUT, IN]))
    return Kept(layer, name, adata is not None)


def mark_torn(layer: Points, rows: np.ndarray) -> Kept:
    """Write the selection as a further piece of a torn slide, between which distances do not count.

    The column *torn* of the layer and its table is what dp-VAE reads (``mask.column``).

    Raises
    ------
    InputError
        Nothing is selected, or the layer has no table.
    """
    import pandas as pd

    adata = table_of(layer)
    if adata is None or not len(rows):
        found = "none" if adata is not None else "a layer without a table"
        raise InputError(f"Expected selected spots of a slide, found {found}.", where=layer.name)
    selected, _ = rows_of_table(layer, adata, rows)
    chosen = np.zeros(len(layer.data), bool)
    chosen[rows] = True
    for columns, marked in ((adata.obs, selected), (layer.features, chosen)):
        pieces = np.full(len(columns), WHOLE, object)
        if TORN in columns:
            pieces = columns[TORN].astype(str).to_numpy(object)
        number = len({*pieces} - {WHOLE}) + 1
        pieces[marked] = f"piece {number}"
        if columns is adata.obs:
            adata.obs[TORN] = pd.Categorical(pieces)
        else:
            add_feature(layer, TORN, pd.Categorical(pieces))
    set_table(layer, adata)
    return Kept(layer, TORN, True)


def listed(layer: Points, rows: np.ndarray) -> pd.DataFrame:
    """Return the selected cells or spots with their places and all columns of the layer.

    Places are (x, y), y down, in µm where the scale is known.
    """
    import pandas as pd

    unit = "um" if um_per_layer_unit(layer) else "unit"
    places = layer_coordinates(layer)[rows]
    names = pd.Index(names_of(layer)[rows], name="obs_name")
    table = pd.DataFrame(places, names, [f"x_{unit}", f"y_{unit}"])
    adata = table_of(layer)
    if adata is None:
        columns = layer.features.iloc[rows].set_index(names)
    else:
        columns = adata.obs.reindex(names)
    fresh = [c for c in columns if c not in table and c != "obs_names"]
    return table.join(columns[fresh]) if names.is_unique else table


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as a whole or not at all."""
    from napari_spatialrecon.storage import atomic_file

    with atomic_file(path) as temporary:
        table.to_csv(temporary)


def also_covered(
    layer: Points, selection: Selection, polygon: np.ndarray, layers: Iterable[object]
) -> list[str]:
    """Return the names of other visible points layers of which a lasso covers other cells.

    Parameters
    ----------
    polygon : (k, 2) float
        As (y, x) in world units.
    """
    from napari.layers import Points

    from napari_spatialrecon.viewer.canvas.lasso import rows_within

    found = []
    for other in layers:
        if other is layer or not isinstance(other, Points) or not other.visible:
            continue
        rows = rows_within(other, polygon)
        if len(rows) and len(np.setdiff1d(rows, selection.rows_in(other))):
            found.append(other.name)
    return found


def rows_of_table(layer: Points, adata: AnnData, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of the table are selected, and which are other points of the layer."""
    of = rows_of(layer, adata)
    own = np.arange(adata.n_obs) if of is None else of
    selected, rest = np.zeros(adata.n_obs, bool), np.zeros(adata.n_obs, bool)
    rest[own[own >= 0]] = True
    chosen = own[rows]
    selected[chosen[chosen >= 0]] = True
    return selected, rest & ~selected


def _hex(color: Iterable[float]) -> str:
    return "#" + "".join(f"{round(float(c) * 255):02X}" for c in list(color)[:3])
