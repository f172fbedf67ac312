"""Values that the points of a layer can be colored by, whoever made the layer."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.colors import Kind, guess_kind
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.point_values import (
    column_values,
    most_frequent,
    names,
    spaced,
    unknown,
    values,
)
from napari_spatialrecon.viewer.canvas.table_metadata import table_of

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from napari.layers import Points

    from napari_spatialrecon.viewer.canvas.colors import Values

_TYPE = re.compile(r"cell.?types?|cell.?class|subclass|annotation|main.?type", re.IGNORECASE)
_GROUP = re.compile(r"cluster|leiden|louvain|domain|^type|^class|label", re.IGNORECASE)
_MOST_TYPES = 200
_Rows: TypeAlias = "tuple[pd.DataFrame, weakref.ref[pd.Index], np.ndarray | None]"
#: Layer -> its features, the names of its table, and the rows that were found for them.
_rows: weakref.WeakKeyDictionary[Points, _Rows] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Found:
    """Values of a layer's points.

    Parameters
    ----------
    values : (n_points,)
    kind, title
        As for `set_point_colors`.
    note
        What a user should know of them; empty if nothing.
    """

    values: Values = field(repr=False)
    kind: Kind
    title: str
    note: str = ""


def layer_names(layer: Points) -> tuple[list[str], list[str]]:
    """Return the columns and the genes that the points of a layer can be colored by."""
    adata = table_of(layer)
    columns, genes = names(adata) if adata is not None else ([], [])
    known = set(columns) | {NAMES} | (set(map(str, adata.obs)) if adata is not None else set())
    columns += [str(column) for column in layer.features if str(column) not in known]
    return columns, genes


def layer_values(layer: Points, name: str, *, log: bool | None = None) -> Found:
    """Return the values of one column or gene, in the order of the points.

    Safe in a thread. Points that the layer's table does not know have none.

    Parameters
    ----------
    log
        See `point_values.values`.

    Raises
    ------
    InputError
        There is no such column or gene.
    """
    import pandas as pd

    adata, n = table_of(layer), len(layer.data)
    if adata is None and name not in layer.features:
        raise unknown(name)
    if adata is None or _only_in_features(layer, adata, name):
        found, kind, title = column_values(layer.features[name], spaced(name), log=bool(log))
    else:
        found, kind, title = values(adata, name, log=log)
        rows = rows_of(layer, adata)
        if rows is not None:
            found = _taken(found, rows)
    note, known = "", n == 0
    if kind == "category":
        found, note = most_frequent(found)
        known = known or bool((pd.Categorical(found).codes >= 0).any())
    else:
        known = known or bool(np.isfinite(np.asarray(found, float)).any())
    if not known:
        note = f"{title}: all values are missing."
    return Found(found, kind, title, note)


def rows_of(layer: Points, adata: AnnData) -> np.ndarray | None:
    """Return the row of the table of each point (n_points,), -1 without one; None if they agree."""
    import pandas as pd

    features, names = layer.features, adata.obs_names
    if NAMES not in features:
        return None if adata.n_obs == len(layer.data) else np.full(len(layer.data), -1)
    known = _rows.get(layer)
    if known is not None and known[0] is features and known[1]() is names:
        return known[2]
    shown, rows = features[NAMES], None
    if len(shown) != adata.n_obs or not (shown.to_numpy() == names.to_numpy()).all():
        rows = pd.Index(names).get_indexer(shown.astype(str))
    _rows[layer] = features, weakref.ref(names), rows
    return rows


def type_column(layer: Points) -> str | None:
    """Return the column of a layer that holds cell types; see `types_among`."""
    adata = table_of(layer)
    return types_among(layer.features if adata is None else adata.obs)


def types_among(columns: pd.DataFrame) -> str | None:
    """Return the column that holds cell types, or at least groups; None without one.

    Examples
    --------
    >>> import pandas as pd
    >>> types_among(pd.DataFrame({"leiden": ["0", "1"] * 9, "cell_type": ["T", "B"] * 9}))
    'cell_type'
    """
    for pattern in (_TYPE, _GROUP):
        named = (c for c in columns if pattern.search(str(c)))
        if (found := next((c for c in named if _groups(columns[c])), None)) is not None:
            return str(found)
    return None


def can_fade(layer: Points) -> bool:
    """Return whether the points of a layer have an uncertainty."""
    return UNCERTAINTY in layer.features


def fading_tells(columns: pd.DataFrame) -> bool:
    """Return whether some points are less certain than others, so that fading them shows which.

    Examples
    --------
    >>> import pandas as pd
    >>> [fading_tells(pd.DataFrame({UNCERTAINTY: radii})) for radii in ([80.0, 80.0], [80.0, 95.0])]
    [False, True]
    """
    if UNCERTAINTY not in columns or len(columns) == 0:
        return False
    radii = columns[UNCERTAINTY].to_numpy(float)
    others = ~np.isnan(radii) if np.isnan(radii[0]) else radii != radii[0]
    return bool(others.any())


def _groups(column: pd.Series) -> bool:
    if guess_kind(column) != "category" or column.dtype == bool:
        return False
    return 2 <= column.nunique() <= min(_MOST_TYPES, max(2, len(column) // 2))


def _only_in_features(layer: Points, adata: AnnData, name: str) -> bool:
    return name in layer.features and name not in adata.obs and name not in adata.var_names


def _taken(found: Values, rows: np.ndarray) -> Values:
    """Return the values at these rows; missing at -1."""
    import pandas as pd

    series = pd.Series(found).reset_index(drop=True)
    taken: pd.Series = series.reindex(np.where(rows < 0, len(series), rows))
    return taken.reset_index(drop=True)
