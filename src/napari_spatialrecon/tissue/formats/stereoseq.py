"""Reading Stereo-seq: GEF and GEM files, in square bins or by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import finished, turn_y
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import find_gefs
from napari_spatialrecon.tissue.slots import SPATIAL

#: µm between neighbouring nanoballs of a chip, where the file does not state it [1]_.
STEP_UM = 0.5
#: Steps of the side of a bin: about 25 µm, with enough counts to be analysed.
DEFAULT_BIN = 50
CELLS = "cells"
_COPY = "Try copying it from the run again."
_ROWS = 5_000_000
_GENES = ("geneName", "geneID", "gene", "genes")
_COUNTS = ("MIDCount", "MIDCounts", "UMICount", "UMICounts", "count")
_CELL = ("CellID", "cell", "label", "CellId")


@dataclass(frozen=True)
class _Molecules:
    """Counts of genes at steps of the chip; `x`, `y`, `gene`, `count`: (n,) int."""

    x: np.ndarray
    y: np.ndarray
    gene: np.ndarray
    count: np.ndarray
    genes: list[str]
    um: float


def read_gef(path: Path, options: ReadOptions) -> AnnData:
    """Return the bins or cells of a GEF file: `obsm["spatial"]` in µm, y down.

    Bins are made of single steps (`bin1`) where the file has them, else one of its bins is taken.

    Parameters
    ----------
    path
        `.gef`, or `.cellbin.gef`, whose cells are taken; or the folder of SAW's that holds them.
    options
        `bin`: side of a bin in steps of 0.5 µm, 50 if None, with a note; or "cells" of a folder.
        `y_axis`: "up" mirrors.

    Raises
    ------
    ChoiceError
        The bins that are asked for cannot be made from those in the file.
    InputError
        The file is damaged.

    References
    ----------
    .. [1] Chen et al., Cell 185 (2022) 1777-1792: 500 nm from center to center.
    """
    notes: list[str] = []
    path = _chosen_gef(path, options, notes)
    try:
        with opened(path) as file:
            if "cellBin" in file:
                adata = _cells(file["cellBin"], _resolution(file))
            else:
                size = _bin_size(options, notes)
                adata = _binned(_molecules(file["geneExp"], size, options, path), size)
    except (OSError, KeyError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"Expected a GEF file with expression and genes, found one that cannot be read "
            f"({str(error)[:120]}).",
            remedy=_COPY,
            where=str(path),
        ) from error
    return _turned(adata, options, notes)


def read_gem(path: Path, options: ReadOptions) -> AnnData:
    """Return the bins, or with `bin="cells"` the cells, of a GEM table; see `read_gef`.

    The table is read in blocks. Cells lie at the mean of their molecules.
    """
    notes: list[str] = []
    names = csv_counts.header(path, "\t")
    columns = {
        "gene": next((n for n in _GENES if n in names), ""),
        "count": next((n for n in _COUNTS if n in names), ""),
        "cell": next((n for n in _CELL if n in names), ""),
    }
    missing = [key for key in ("gene", "count") if not columns[key]]
    missing += [key for key in ("x", "y") if key not in names]
    if missing:
        raise InputError(
            f"Expected columns geneID, x, y and MIDCount, found no {', '.join(missing)} among "
            f"{', '.join(names[:8])}.",
            remedy=_COPY,
            where=str(path),
        )
    by_cell = options.bin is not None and options.bin.startswith("cell")
    if by_cell and not columns["cell"]:
        choices = [str(DEFAULT_BIN), "20", "100"]
        raise ChoiceError("bin sizes", "bin", choices, asked=options.bin, where=str(path))
    size = 1 if by_cell else _bin_size(options, notes)
    adata = _from_gem(path, columns, size, by_cell)
    return _turned(adata, options, notes)


def _chosen_gef(path: Path, options: ReadOptions, notes: list[str]) -> Path:
    """Return the file of a folder: that of cells if they are asked for, else the first of bins."""
    if path.is_file():
        return path
    found = find_gefs(path)
    cells = [one for one in found if one.name.endswith(".cellbin.gef")]
    bins = [one for one in found if one not in cells]
    by_cell = options.bin is not None and options.bin.startswith("cell")
    if by_cell and not cells:
        choices = [str(DEFAULT_BIN), "20", "100"]
        raise ChoiceError("bin sizes", "bin", choices, asked=options.bin, where=str(path))
    chosen = cells[0] if by_cell or not bins else bins[0]
    notes.append(f"Read {chosen.name}.")
    return chosen


def _bin_size(options: ReadOptions, notes: list[str]) -> int:
    if options.bin is None:
        notes.append(
            f"Used bins of {DEFAULT_BIN} x {DEFAULT_BIN} steps ({DEFAULT_BIN * STEP_UM:.0f} µm)."
        )
        return DEFAULT_BIN
    digits = re.fullmatch(r"(?:bin)?0*([1-9]\d*)", options.bin.strip())
    if not digits:
        raise ChoiceError("bin sizes", "bin", ["50", "20", "100", "200"], asked=options.bin)
    return int(digits[1])


def _turned(adata: AnnData, options: ReadOptions, notes: list[str]) -> AnnData:
    adata.obsm[SPATIAL] = turn_y(
        adata.obsm[SPATIAL], stated="down", asked=options.y_axis, notes=notes
    )
    return finished(adata, "um", notes)


def _resolution(node: Any) -> float:
    """Return the µm of a step, from nm in the attribute `resolution`."""
    value = np.ravel(node.attrs.get("resolution", 0))
    nanometres = float(value[0]) if len(value) else 0.0
    return nanometres / 1000 if 100 <= nanometres <= 2000 else STEP_UM


def _molecules(group: Any, size: int, options: ReadOptions, path: Path) -> _Molecules:
    """Return the counts of the finest bins of which bins of `size` steps are made."""
    sizes = sorted(int(name[3:]) for name in group if re.fullmatch(r"bin\d+", name))
    finest = next((s for s in sizes if size % s == 0), None)
    if finest is None:
        choices = [str(one) for one in sizes]
        raise ChoiceError("bin sizes", "bin", choices, asked=options.bin, where=str(path))
    data = group[f"bin{finest}"]
    expression, features = data["expression"], data["gene"][()]
    x, y = (expression[axis].astype(np.int64) for axis in ("x", "y"))
    if finest > 1 and np.any(x % finest) | np.any(y % finest):  # numbers of bins, not steps
        x, y = x * finest, y * finest
    names = next(features[key] for key in _GENES if key in features.dtype.names)
    genes = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    gene = np.repeat(np.arange(len(genes)), features["count"].astype(np.int64))
    base = group["bin1"]["expression"] if "bin1" in group else expression
    um = _resolution(base) if "bin1" in group else STEP_UM
    return _Molecules(x, y, gene, expression["count"].astype(np.int64), genes, um)


def _binned(found: _Molecules, size: int) -> AnnData:
    """Return counts in squares of `size` steps; `obsm["spatial"]` are their centers in µm."""
    x, y = found.x // size, found.y // size
    wide = int(y.max()) + 1 if len(y) else 1
    keys, row = np.unique(x * wide + y, return_inverse=True)
    matrix = sparse.coo_matrix(
        (found.count.astype(np.float32), (row, found.gene)), (len(keys), len(found.genes))
    )
    corners = np.column_stack([keys // wide, keys % wide]) * size
    adata = csv_counts.counts_table(matrix.tocsr(), [f"{a}_{b}" for a, b in corners], found.genes)
    adata.obsm[SPATIAL] = (corners + size / 2) * found.um
    return adata


def _cells(group: Any, um: float) -> AnnData:
    """Return the cells of a `cellbin.gef`."""
    cell, expression, features = group["cell"][()], group["cellExp"][()], group["gene"][()]
    names = next(features[key] for key in _GENES if key in features.dtype.names)
    genes = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    starts = np.append(cell["offset"].astype(np.int64), len(expression))
    parts = (expression["count"].astype(np.float32), expression["geneID"].astype(np.int64), starts)
    matrix = sparse.csr_matrix(parts, (len(cell), len(genes)))
    adata = csv_counts.counts_table(matrix, [str(name) for name in cell["id"]], genes)
    if "area" in cell.dtype.names:
        adata.obs["cell_area"] = cell["area"] * um**2
    adata.obsm[SPATIAL] = np.column_stack([cell["x"], cell["y"]]).astype(np.float64) * um
    return adata


def _blocks(path: Path, columns: dict[str, str], by_cell: bool) -> Iterator[pd.DataFrame]:
    wanted = {columns["gene"]: "gene", "x": "x", "y": "y", columns["count"]: "count"}
    if by_cell:
        wanted[columns["cell"]] = "cell"
    try:
        with pd.read_csv(
            path,
            sep="\t",
            comment="#",
            usecols=list(wanted),
            dtype={columns["gene"]: "category"},
            chunksize=_ROWS,
        ) as reader:
            for block in reader:
                yield block.rename(columns=wanted)
    except (OSError, ValueError, EOFError) as error:
        raise csv_counts.damaged(path, error) from error


def _from_gem(path: Path, columns: dict[str, str], size: int, by_cell: bool) -> AnnData:
    """Return counts by bin or cell; each block is summed before the next is read."""
    genes: dict[str, int] = {}
    parts: list[pd.DataFrame] = []
    for block in _blocks(path, columns, by_cell):
        codes = np.array(
            [genes.setdefault(str(g), len(genes)) for g in block["gene"].cat.categories], np.int64
        )
        block["gene"] = codes[block["gene"].cat.codes.to_numpy()]
        if by_cell:
            block = block[block["cell"] != 0]
        else:
            block["x"], block["y"] = block["x"] // size, block["y"] // size
        keys = ["cell", "x", "y"] if by_cell else ["x", "y"]
        parts.append(block.groupby([*keys, "gene"], as_index=False, sort=False)["count"].sum())
    if not parts or not any(map(len, parts)):
        raise InputError("Expected rows of counts, found none.", remedy=_COPY, where=str(path))
    found = pd.concat(parts, ignore_index=True)
    if not by_cell:
        columns_ = (found[key].to_numpy(np.int64) for key in ("x", "y", "gene", "count"))
        x, y, gene, count = columns_
        return _binned(_Molecules(x * size, y * size, gene, count, list(genes), STEP_UM), size)
    labels, row = np.unique(found["cell"].to_numpy(), return_inverse=True)
    matrix = sparse.coo_matrix(
        (found["count"].to_numpy(np.float32), (row, found["gene"])), (len(labels), len(genes))
    )
    adata = csv_counts.counts_table(matrix.tocsr(), [str(x) for x in labels], list(genes))
    steps = found.drop_duplicates(["cell", "x", "y"]).groupby("cell")[["x", "y"]].mean()
    adata.obsm[SPATIAL] = (steps.loc[labels].to_numpy(np.float64) + 0.5) * STEP_UM
    return adata
