"""Reading tables of cells that were segmented in images: seqFISH, STARmap PLUS, any other CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import finished, placed, turn_y
from napari_spatialrecon.tissue.formats.folder import (
    Found,
    Names,
    missing_files,
    one_sample,
    samples,
)
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.points import find_pair, is_gene_column
from napari_spatialrecon.tissue.formats.recognise import SEQFISH, STARMAP
from napari_spatialrecon.tissue.slots import SPATIAL

_COPY = "Try copying the whole folder again."
_UNKNOWN = "The file does not state the unit of the coordinates: lengths are reported in units."


def read_seqfish(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a Spatial Genomics seqFISH region: `obsm["spatial"]` in µm, y down.

    Parameters
    ----------
    path
        The folder, or one of `*_CellxGene.csv` and `*_CellCoordinates.csv`.
    options
        `library`: region of interest (prefix), where there are several. `y_axis`: "up" mirrors y.

    Raises
    ------
    ValidationError
        Lists every file and column that is missing.

    References
    ----------
    Spatial Genomics, "GenePS output files": cell coordinates are in µm.
    """
    _, files = _files(path, options, SEQFISH)
    lacking = csv_counts.missing_columns(
        files["places"], csv_counts.header(files["places"]), ("center_x", "center_y")
    )
    if lacking:
        raise ValidationError([Problem(str(path), lacking[0], _COPY)])
    label, place, others = csv_counts.naming_columns(files["counts"], files["places"])
    matrix, labels, genes = csv_counts.cells_by_genes(files["counts"], (label,), leave=others)
    counts = csv_counts.counts_table(matrix, labels[label], genes)
    places = csv_counts.named(files["places"], place)
    return _slide(counts, places, ("center_x", "center_y"), files, options, "um")


def read_starmap(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of STARmap PLUS tables: genes by cells, and places with a line of types.

    Parameters
    ----------
    path
        The folder, or one of `*raw_expression_pd.csv` and `*spatial.csv`.
    options
        See `read_seqfish`.
    """
    _, files = _files(path, options, STARMAP)
    names = csv_counts.header(files["places"])
    lacking = csv_counts.missing_columns(files["places"], names, ("NAME", "X", "Y"))
    if lacking:
        raise ValidationError([Problem(str(path), lacking[0], _COPY)])
    counts = csv_counts.genes_by_cells(files["counts"])
    first = csv_counts.table(files["places"], nrows=1, dtype=str)["NAME"].tolist()
    types = [1] if first == ["TYPE"] else []
    places = csv_counts.table(files["places"], skiprows=types, dtype={"NAME": str})
    places = places.set_index("NAME").rename_axis(None)
    return _slide(counts, places, ("X", "Y"), files, options, "unit")


def read_table(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of one CSV with a row per cell: a pair of coordinates, and genes.

    Columns of text, and those whose names are not of genes (areas, fields of view, a third
    coordinate), go to `obs`.

    Raises
    ------
    InputError
        There is no pair of coordinates, or no genes.
    """
    names = csv_counts.header(path)
    pair = find_pair(names)
    if pair is None:
        raise InputError(
            f"Expected columns of x and y, found none among {', '.join(names[:8])}.",
            remedy="Try naming them x and y.",
            where=str(path),
        )
    few = csv_counts.table(path, nrows=200)
    few.columns = pd.Index(names)
    label = next((n for n in names if n.lower() in _NAMES), None)
    others = [n for n in names if few[n].dtype == object or not is_gene_column(n)]
    labels = list(dict.fromkeys([*pair.columns, *others, *([] if label is None else [label])]))
    matrix, found, genes = csv_counts.cells_by_genes(path, labels)
    if not genes:
        raise InputError("Expected columns of genes, found none.", where=str(path))
    rows = found[label] if label is not None else pd.Series(found.index.astype(str))
    counts = csv_counts.counts_table(matrix, rows, genes)
    places = found.set_index(pd.Index(rows, name=None)).drop(columns=[] if label is None else label)
    for column in places.columns:
        if few[column].dtype != object:
            places[column] = pd.to_numeric(places[column], errors="coerce")
    return _slide(counts, places, pair.columns, {"places": path}, options, pair.unit, up=pair.up)


_NAMES = ("", "cell", "cell_id", "cellid", "cell_name", "name", "barcode", "id", "index")


def _files(path: Path, options: ReadOptions, names: Names) -> tuple[str, Found]:
    needed = ("counts", "places")
    prefix, files = one_sample(samples(path, names), needed, options.library, path)
    problems = missing_files(files, needed, prefix, names, path, remedy=_COPY)
    if problems:
        raise ValidationError(problems)
    return prefix, files


def _slide(
    counts: AnnData,
    places: pd.DataFrame,
    xy: tuple[str, str],
    files: Found,
    options: ReadOptions,
    unit: str,
    *,
    up: bool = False,
) -> AnnData:
    notes: list[str] = []
    adata = placed(counts, places, xy, notes=notes, where=str(files["places"]))
    adata.obsm[SPATIAL] = turn_y(
        adata.obsm[SPATIAL], stated="up" if up else "down", asked=options.y_axis, notes=notes
    )
    if unit == "unit":
        notes.append(_UNKNOWN)
    return finished(adata, unit, notes)
