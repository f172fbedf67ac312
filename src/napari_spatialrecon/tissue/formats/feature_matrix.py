"""The matrix of features by barcodes that Cell Ranger, Space Ranger and Xenium write.

scanpy's readers are not used: they read no uncompressed files of version 3, no compressed ones of
version 2, no HDF5 files whose sizes another tool stored as floats, and compare no lengths.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from scipy.io import mmread

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.formats.tenx_files import PARTS, companions, genome_groups

_COPY_AGAIN = "Try copying it from the run again."


def read_features(path: Path, notes: list[str] | None = None, *, genome: str = "") -> AnnData:
    """Return all features of a matrix; `X` is csr float32, (n_barcodes, n_features).

    `var` has "gene_ids" and "feature_types" where the file states them. Names may repeat.

    Parameters
    ----------
    path
        The `.h5` file, the `.mtx` file beside its features and barcodes, or their folder.
    notes
        What was assumed is appended.
    genome
        Group of an `.h5` file of version 2 that holds several.

    Raises
    ------
    InputError
        Lists everything that is missing, damaged or does not fit together.
    """
    if path.is_dir():
        found = [p for p in sorted(path.iterdir()) if ".mtx" in p.suffixes]
        path = found[0] if found else path / "matrix.mtx"
    is_mtx = ".mtx" in path.suffixes
    adata = _read_mtx(path, [] if notes is None else notes) if is_mtx else _read_h5(path, genome)
    if not adata.n_obs or not adata.n_vars:
        text = f"Expected barcodes and features, found {adata.n_obs} and {adata.n_vars}."
        raise InputError(text, remedy=_COPY_AGAIN, where=str(path))
    return adata


def _read_h5(path: Path, genome: str) -> AnnData:
    """Return the table of a matrix in HDF5, version 2 or 3."""
    where = str(path)
    try:
        with opened(path) as file:
            groups = genome_groups(file)
            group = file[genome or (groups[0] if groups else "matrix")]
            if problems := _h5_problems(group, where):
                raise ValidationError(problems)
            n_features, n_barcodes = (int(n) for n in group["shape"][:2])
            values, indices = group["data"][:].astype(np.float32), group["indices"][:]
            starts, barcodes = group["indptr"][:], _texts(group["barcodes"])
            var = _features(group, n_features)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "Expected a matrix that Cell Ranger wrote, found one that cannot be read "
            f"({_reason(error)}).",
            remedy=_COPY_AGAIN,
            where=where,
        ) from error
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_features:
        found = (
            f"Expected indices of {n_features:,} features, found {int(indices.min())} to "
            f"{int(indices.max())}."
        )
        raise ValidationError([Problem(where, found, _COPY_AGAIN)])
    parts = values, indices.astype(np.int32), starts.astype(np.int64)
    try:
        counts = sparse.csr_matrix(parts, shape=(n_barcodes, n_features))
        counts.check_format(full_check=True)  # what selects features does not look at the starts
    except ValueError as error:
        found = f"Expected where each barcode starts, found starts out of order ({_reason(error)})."
        raise ValidationError([Problem(where, found, _COPY_AGAIN)]) from error
    return _assembled(counts, pd.Index(barcodes, dtype=object), var)


def _features(group: h5py.Group, n_features: int) -> pd.DataFrame:
    """Return names, ids and what else a file tells of its features."""
    if "features" not in group:
        index = pd.Index(_texts(group["gene_names"]), dtype=object)
        return pd.DataFrame({"gene_ids": _texts(group["genes"])}, index=index)
    features = group["features"]
    var = pd.DataFrame(index=pd.Index(_texts(features["name"]), dtype=object))
    var["gene_ids"], var["feature_types"] = _texts(features["id"]), _texts(features["feature_type"])
    for key in features:
        told = features[key]
        known = key in ("name", "id", "feature_type") or not isinstance(told, h5py.Dataset)
        if not known and told.shape == (n_features,):
            var[key] = _texts(told)
    return var


def _texts(dataset: h5py.Dataset) -> list[str]:
    return [v.decode() if isinstance(v, bytes) else str(v) for v in dataset[:]]


def _h5_problems(group: h5py.Group, where: str) -> list[Problem]:
    """Return what is missing or does not fit together, without reading the values."""
    named = {"genes": "genes", "gene_names": "gene names"}
    if "features" in group:
        named = {"features/id": "feature ids", "features/name": "feature names"}
    wanted = [*PARTS, *named, *(["features/feature_type"] if "features" in group else [])]
    missing = [part for part in wanted if part not in group]
    if missing:
        found = f"Expected {', '.join(wanted)} in /{group.name.strip('/')}, found no "
        return [Problem(where, f"{found}{', '.join(missing)}.", _COPY_AGAIN)]
    n_features, n_barcodes = (int(n) for n in group["shape"][:2])
    sizes = [(what, n_features, len(group[key])) for key, what in named.items()]
    sizes += [
        ("barcodes", n_barcodes, len(group["barcodes"])),
        ("barcodes' starts (indptr)", n_barcodes + 1, len(group["indptr"])),
        ("feature indices", len(group["data"]), len(group["indices"])),
    ]
    if len(group["indptr"]):
        sizes.append(("values", int(group["indptr"][-1]), len(group["data"])))
    return _size_problems(sizes, where)


def _size_problems(sizes: Sequence[tuple[str, int, int]], where: str) -> list[Problem]:
    return [
        Problem(
            where,
            f"Expected {wanted:,} {what}, as the matrix has, found {found:,}.",
            "Try the files of the same run, copied whole.",
        )
        for what, wanted, found in sizes
        if wanted != found
    ]


def _read_mtx(path: Path, notes: list[str]) -> AnnData:
    """Return the table of an `.mtx` file with its features and barcodes."""
    features, barcodes = companions(path)
    problems = [
        Problem(
            str(path.parent),
            f"Expected the {what} beside {path.name} in {files[-1].name} or {files[0].name}, "
            "found neither.",
            "Try copying all three files, named as the matrix is.",
        )
        for what, files in (("genes", features), ("barcodes", barcodes))
        if not files[0].is_file()
    ]
    tables: dict[str, pd.DataFrame] = {}
    for what, files in (("features", features), ("barcodes", barcodes)):
        try:
            if files[0].is_file():
                tables[what] = _read_tsv(files[0])
        except InputError as error:
            problems.append(error.problem)
    try:
        values = _read_values(path)
    except InputError as error:
        raise ValidationError([*problems, error.problem]) from error
    if problems:
        raise ValidationError(problems)
    n_features, n_barcodes = len(tables["features"]), len(tables["barcodes"])
    if values.shape == (n_barcodes, n_features) and n_barcodes != n_features:
        values = values.T
        notes.append(f"{path.name} holds barcodes in rows: it was read the other way round.")
    sizes = (
        ("features", values.shape[0], n_features),
        ("barcodes", values.shape[1], n_barcodes),
    )
    if problems := _size_problems(sizes, str(path)):
        raise ValidationError(problems)
    return _table(values, tables["features"], tables["barcodes"][0])


def _table(values: sparse.coo_matrix, features: pd.DataFrame, barcodes: pd.Series) -> AnnData:
    """Return the table; `features` has columns id, symbol (unless names are all), type."""
    named = features.shape[1] > 1
    var = pd.DataFrame(index=pd.Index(features[1 if named else 0].to_numpy(), dtype=object))
    if named:
        var["gene_ids"] = features[0].to_numpy()
    if features.shape[1] > 2:
        var["feature_types"] = features[2].to_numpy()
    counts = sparse.csr_matrix(values.T, dtype=np.float32)
    return _assembled(counts, pd.Index(barcodes.to_numpy(), dtype=object), var)


def _assembled(counts: sparse.csr_matrix, barcodes: pd.Index, var: pd.DataFrame) -> AnnData:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique.*")
        return AnnData(counts, obs=pd.DataFrame(index=barcodes), var=var)


def _read_tsv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        is_empty = isinstance(error, pd.errors.EmptyDataError)
        found = "an empty file" if is_empty else f"one that cannot be read ({_reason(error)})"
        raise InputError(
            f"Expected a table of names, found {found}.", remedy=_COPY_AGAIN, where=str(path)
        ) from error


def _read_values(path: Path) -> sparse.coo_matrix:
    """Return the matrix as it is stored: features in rows."""
    try:
        values = mmread(path, spmatrix=True)
    except (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        found = "an empty file" if not path.stat().st_size else f"({_reason(error)})"
        raise InputError(
            f"Expected a whole matrix in MatrixMarket form, found {found}.",
            remedy=_COPY_AGAIN,
            where=str(path),
        ) from error
    return sparse.coo_matrix(values)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
