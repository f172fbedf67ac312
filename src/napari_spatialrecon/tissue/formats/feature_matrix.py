"""The matrix of features by barcodes that Space Ranger and Xenium write."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.csv_counts import counts_table


def read_features(path: Path) -> AnnData:
    """Return all features of a matrix, barcodes by features: `.h5`, or a folder of MTX.

    `var` has "gene_ids" and "feature_types" where the file states them. Names may repeat.

    Raises
    ------
    InputError
        The matrix is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*names are not unique.*")
            if path.is_dir():
                return sc.read_10x_mtx(path, make_unique=False, gex_only=False)
            return _read_h5(path)
    except Exception as error:  # scanpy and h5py raise plain exceptions
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"Expected a matrix of features by barcodes, found one that cannot be read ({reason}).",
            remedy="Try copying it from the run again.",
            where=str(path),
        ) from error


def _read_h5(path: Path) -> AnnData:
    """Read what `scanpy.read_10x_h5` reads, and index arrays that R stored as float64 too."""
    with h5py.File(path, "r") as file:
        group = file["matrix"] if "matrix" in file else file[next(iter(file))]
        shape = tuple(int(n) for n in group["shape"])
        parts = (group["data"][()], *(group[k][()].astype(np.int64) for k in ("indices", "indptr")))
        matrix = sparse.csc_matrix(parts, shape=shape).T.tocsr().astype(np.float32)
        features = group.get("features", group)
        names = features["name" if "name" in features else "gene_names"].asstr()[()]
        adata = counts_table(matrix, group["barcodes"].asstr()[()], names)
        for column, keys in (("gene_ids", ("id", "genes")), ("feature_types", ("feature_type",))):
            for key in keys:
                if key in features:
                    adata.var[column] = features[key].asstr()[()]
    return adata
