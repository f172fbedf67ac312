"""Which matrix of a table holds its counts: one rule for files and for tables in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.gene_names import IDS, SYMBOLS
from napari_spatialrecon.tissue.row_blocks import value_blocks
from napari_spatialrecon.tissue.sharing import sharing
from napari_spatialrecon.tissue.slots import COUNTS, COUNTS_OK

#: Names by which `X` and `raw` are asked for.
X, RAW = "X", "raw"

_SOME = 100_000
"""Values that tell counts from logarithms."""


def settled(adata: AnnData, layer: str | None = None) -> tuple[AnnData, tuple[str, ...]]:
    """Return a table whose counts are in `layers["counts"]`, else in `X`, and notes on the choice.

    Counts are the layer that is named; else the layer "counts"; else `X` if it holds whole numbers;
    else `raw` if it does; else the only other layer that does. Where none does, `X` stays. Matrices
    of zeros and ones alone are taken from `X` or by name only.

    Parameters
    ----------
    adata
        Not modified; the result shares its arrays, and is the table itself where nothing changes.
    layer
        Name of a layer, "X" or "raw".

    Returns
    -------
    adata
        With the genes of `raw`, and without other matrices, where `raw` was chosen and its genes
        are not those of `X`.
    notes
        What was chosen automatically, and what was excluded.

    Raises
    ------
    ChoiceError
        The table has no such layer.

    Examples
    --------
    >>> table = AnnData(np.array([[0.0, 1.5]]), layers={"umi": np.array([[0.0, 3.0]])})
    >>> found, notes = settled(table)
    >>> found.layers["counts"], notes
    (array([[0., 3.]]), ('Counts are those of layers["umi"]: X holds no whole numbers.',))
    """
    if layer is None:
        layer = _found(adata)
        if layer is None:
            return adata, ()
        table, left_out = _with_counts(adata, layer)
        slot = RAW if layer == RAW else f'layers["{layer}"]'
        return table, (f"Counts are those of {slot}: X holds no whole numbers.", *left_out)
    choices = _choices(adata)
    if layer not in choices:
        if not choices:
            raise InputError(f"Expected a matrix {layer!r}, found a table without any.")
        raise ChoiceError("matrices", "layer", choices, asked=layer)
    return _with_counts(adata, layer)


def seems_counts(adata: AnnData) -> bool:
    """Return whether the first values of the matrix that is read as counts are whole numbers."""
    matrix = adata.layers.get(COUNTS, adata.X)
    if matrix is None or not adata.n_vars:
        return False
    some = next(iter(value_blocks(matrix)), np.empty(0))[:_SOME]
    return bool(np.all(some == np.rint(some)))


def whole_layers(adata: AnnData) -> list[str]:
    """Return the names of layers, or "raw", that hold whole numbers and not only zeros and ones."""
    matrices: dict[str, Any] = {str(name): matrix for name, matrix in adata.layers.items()}
    if adata.raw is not None:
        matrices = {RAW: adata.raw.X, **matrices}
    return [name for name, matrix in matrices.items() if _is_whole(matrix) and _exceeds_1(matrix)]


def _found(adata: AnnData) -> str | None:
    """Return the name of the matrix that holds the counts; None where they are in place."""
    if COUNTS in adata.layers or (adata.X is not None and _is_whole(adata.X)):
        return None
    found = whole_layers(adata)
    if RAW in found:
        return RAW
    return found[0] if len(found) == 1 else None


def _choices(adata: AnnData) -> list[str]:
    raw = [RAW] if adata.raw is not None else []
    return [*map(str, adata.layers), *([X] if adata.X is not None else []), *raw]


def _with_counts(adata: AnnData, layer: str) -> tuple[AnnData, tuple[str, ...]]:
    if layer == COUNTS or (layer == X and COUNTS not in adata.layers):
        return adata, ()
    if layer == RAW and not adata.raw.var_names.equals(adata.var_names):
        return _of_raw(adata)
    matrix = {X: adata.X, RAW: getattr(adata.raw, "X", None)}.get(layer)
    if layer in adata.layers:
        matrix = adata.layers[layer]
    var = adata.var.drop(columns=[COUNTS_OK], errors="ignore")
    table = sharing(adata, var=var, layers={**adata.layers, COUNTS: matrix})
    return table, ()


def _of_raw(adata: AnnData) -> tuple[AnnData, tuple[str, ...]]:
    """Return the table with `raw` in the place of `X`, whose genes are others."""
    var: pd.DataFrame = adata.raw.var.copy()
    for column in adata.var.columns.difference(var.columns):
        if str(column).lower() in (*IDS, *SYMBOLS):
            var[column] = adata.var[column].astype(str).reindex(var.index)
    table = AnnData(
        adata.raw.X,
        obs=adata.obs,
        var=var,
        uns=dict(adata.uns),
        obsm=dict(adata.obsm),
        obsp=dict(adata.obsp),
    )
    slots = ["X", *(f'layers["{name}"]' for name in adata.layers)]
    note = f"{' and '.join(slots)}, of {adata.n_vars:,} genes, excluded: raw has {len(var):,}."
    return table, (note,)


def _is_whole(matrix: Any) -> bool:
    if np.dtype(matrix.dtype).kind in "iub":
        return True
    if np.dtype(matrix.dtype).kind != "f":
        return False
    return all(bool(np.all(block == np.rint(block))) for block in value_blocks(matrix))


def _exceeds_1(matrix: Any) -> bool:
    return any(block.size and block.max() > 1 for block in value_blocks(matrix))
