"""Reading `.loom` files: genes in rows, cells in columns, attributes of both in HDF5."""

from __future__ import annotations

import html
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions

#: Attributes that name genes and cells, in the order in which they are preferred, in lower case.
_GENES = ("gene", "gene_names", "gene_name", "genename", "symbol", "var_names", "name")
_IDS = ("accession", "ensembl", "ensembl_ids", "ensembl_id", "gene_ids", "geneid", "gene_id")
_CELLS = ("cellid", "cell_id", "obs_names", "cell_names", "barcode", "barcodes", "cell")
_ROWS = 512


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a loom file of any version: `X` and layers csr, (n_cells, n_genes).

    Genes are named by symbols, `var["gene_ids"]` holds accessions; other attributes become columns
    of `var` and `obs`, two-dimensional ones of cells keys of `obsm`.

    Raises
    ------
    InputError
        The file is damaged, or attributes and matrix do not fit together; lists all problems.

    References
    ----------
    Linnarsson Lab, "Loom file format specs", version 3.
    """
    try:
        with opened(path) as file:
            if problems := _problems(file, str(path)):
                raise ValidationError(problems)
            adata, notes = _table(file)
    except (OSError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"Expected an intact loom file, found that part of it cannot be read ({reason}).",
            remedy="Try copying or downloading it again: it seems damaged.",
            where=str(path),
        ) from error
    add_notes(adata, notes)
    return adata


def _problems(file: h5py.File, where: str) -> list[Problem]:
    """Return what does not fit together, without reading the values."""
    if file["matrix"].ndim != 2 or 0 in file["matrix"].shape:
        found = f"Expected a matrix of genes by cells, found one of shape {file['matrix'].shape}."
        return [Problem(where, found, "Try the file from which it was made.")]
    sides = zip(("row_attrs", "col_attrs"), ("genes", "cells"), file["matrix"].shape, strict=True)
    problems, shape = [], file["matrix"].shape
    for group, what, n in sides:
        wrong = [k for k, v in list(file.get(group, {}).items()) if v.ndim == 0 or len(v) != n]
        if wrong:
            found = (
                f"Expected attributes of {n:,} {what}, as the matrix has, found another number for "
                f"{', '.join(wrong[:5])}."
            )
            problems.append(Problem(f"{where}: {group}", found, "Try copying the file again."))
    for name, layer in list(file.get("layers", {}).items()):
        if layer.shape != shape:
            found = f"Expected shape {shape}, as the matrix has, found {layer.shape}."
            problems.append(Problem(f"{where}: layers/{name}", found, "Try copying it again."))
    return problems


def _table(file: h5py.File) -> tuple[AnnData, list[str]]:
    genes, cells = _attributes(file, "row_attrs"), _attributes(file, "col_attrs")
    notes: list[str] = []
    n_genes, n_cells = file["matrix"].shape
    var = pd.DataFrame(index=_index(genes, (*_GENES, *_IDS), n_genes, "genes", notes))
    obs = pd.DataFrame(index=_index(cells, _CELLS, n_cells, "cells", notes))
    ids = next((key for name in _IDS for key in genes if key.lower() == name), None)
    if ids is not None:
        var["gene_ids"] = genes.pop(ids).astype(str)
    obsm = {key: value for key, value in cells.items() if value.ndim == 2}
    for table, found in ((var, genes), (obs, cells)):
        for key, value in found.items():
            if value.ndim == 1:
                table[key] = value
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique.*")
        adata = AnnData(_sparse(file["matrix"]), obs=obs, var=var, obsm=obsm)
        for name, layer in list(file.get("layers", {}).items()):
            adata.layers[name] = _sparse(layer)
        _make_unique(adata, notes)
    return adata, notes


def _attributes(file: h5py.File, group: str) -> dict[str, np.ndarray]:
    return {key: _values(dataset) for key, dataset in list(file.get(group, {}).items())}


def _values(dataset: h5py.Dataset) -> np.ndarray:
    """Return an attribute; texts as str, of which those of version 2 are escaped as in XML."""
    values: np.ndarray = dataset[:]
    if values.dtype.kind in "SO":
        texts = [_text(value) for value in values.ravel()]
        return np.array(texts, dtype=object).reshape(values.shape)
    return values


def _text(value: Any) -> str:
    return html.unescape(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _index(
    found: dict[str, np.ndarray], wanted: tuple[str, ...], n: int, what: str, notes: list[str]
) -> pd.Index:
    """Return the names of genes or cells, and take their attribute out of `found`."""
    for name in wanted:
        key = next((k for k, v in found.items() if k.lower() == name and v.ndim == 1), None)
        if key is not None:
            return pd.Index(found.pop(key).astype(str), dtype=object)
    notes.append(f"No attribute names the {what}: they were numbered.")
    return pd.Index([str(i) for i in range(n)], dtype=object)


def _make_unique(adata: AnnData, notes: list[str]) -> None:
    for what, names in (("gene symbols", adata.var_names), ("cell names", adata.obs_names)):
        if repeated := int(names.duplicated().sum()):
            notes.append(f"{repeated:,} repeated {what} were given a suffix such as -1.")
    adata.var_names_make_unique()
    adata.obs_names_make_unique()


def _sparse(matrix: h5py.Dataset) -> sparse.csr_matrix:
    """Return a matrix of genes by cells as cells by genes, read a block of genes at a time."""
    kind = matrix.dtype if matrix.dtype.kind == "f" else np.float32
    blocks = [
        sparse.csr_matrix(matrix[start : start + _ROWS].astype(kind))
        for start in range(0, matrix.shape[0], _ROWS)
    ]
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr").T)
