"""Tables in a session: by reference to their file and what differs from it, or whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.provenance import fingerprint
from napari_spatialrecon.tissue.slots import FORMAT, NOTES, OURS, READ, RECORD, SPATIAL
from napari_spatialrecon.viewer.session.packing import TEXTS, fill, resting

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from napari_spatialrecon.progress import ShouldStop

_READING = {READ, NOTES, RECORD, FORMAT}
"""Slots that reading and writing set, so that they say nothing of a change."""
_ROWS = 64


@dataclass(frozen=True)
class TableSource:
    """A table that is open.

    Parameters
    ----------
    path
        Its file; None if it has none.
    read
        Options with which it was read.
    """

    adata: AnnData
    path: Path | None = None
    read: tuple[tuple[str, str], ...] = ()


def write_table(
    source: TableSource, folder: Path, name: str, should_stop: ShouldStop
) -> dict[str, Any]:
    """Write what a session needs of a table, and return what its JSON says of it.

    A table with a file is not copied: what differs from the file is written, such as a column that
    a lasso added. It is written whole if it has no file, or if its counts or rows differ.

    Raises
    ------
    Stopped
        `should_stop` returned True.
    """
    adata, path = source.adata, source.path
    names = fingerprint(adata.obs_names.to_numpy(), between=resting(should_stop))
    stated: dict[str, Any] = {"names": names}
    if path is not None and path.exists():
        changed = _changes(source)
        if changed is not None:
            if _is_any(changed):
                _write(changed, folder / f"{name}.h5ad", should_stop)
                stated["changes"] = f"{name}.h5ad"
            return {**stated, "path": str(path), "read": dict(source.read), **state_of(path)}
    _write(adata, folder / f"{name}.h5ad", should_stop)
    stated |= {"whole": f"{name}.h5ad"}
    return stated if path is None else {**stated, "of": str(path), "read": dict(source.read)}


def read_table(
    stated: Mapping[str, Any],
    folder: Path,
    path: Path | None,
    should_stop: ShouldStop = lambda: False,
) -> tuple[AnnData, list[str]]:
    """Return a table of a session, and what has changed about its file.

    Parameters
    ----------
    path
        Where its file is now; None of a table that is held whole.

    Raises
    ------
    Stopped
        `should_stop` returned True.
    """
    from napari_spatialrecon.tissue.formats.options import ReadOptions
    from napari_spatialrecon.tissue.read import read_with
    from napari_spatialrecon.tissue.whole_tables import read_whole

    if "whole" in stated:
        return read_whole(folder / stated["whole"]), []
    assert path is not None, "a table has a file unless it is held whole"
    adata = read_with(path, ReadOptions.of(stated["read"]))
    names = fingerprint(adata.obs_names.to_numpy(), between=resting(should_stop))
    if names != stated["names"]:
        return adata, [
            f"{path.name} now holds different cells or spots than when the session was saved: it "
            "is shown as it is now."
        ]
    if "changes" in stated:
        _apply(adata, read_whole(folder / stated["changes"]))
    if "size" in stated and state_of(path)["size"] != stated["size"]:
        return adata, [f"{path.name} has changed since the session was saved."]
    return adata, []


def state_of(path: Path) -> dict[str, Any]:
    """Return what tells whether a file was changed."""
    if path.is_dir():
        parts = [part.stat().st_size for part in path.rglob("*") if part.is_file()]
        return {"size": sum(parts)}
    return {"size": path.stat().st_size}


def _changes(source: TableSource) -> AnnData | None:
    """Return what differs from the file, as a table without counts; None if counts or rows do."""
    from anndata import AnnData

    from napari_spatialrecon.tissue.formats.options import ReadOptions
    from napari_spatialrecon.tissue.formats.registry import find_format
    from napari_spatialrecon.tissue.read import read_with

    assert source.path is not None, "compared with its file"
    adata, known = source.adata, find_format(source.path)
    if known is None:
        return None
    if not known.backed:
        return AnnData(
            obs=adata.obs, var=adata.var, obsm=dict(adata.obsm), uns=_plain_uns(adata.uns)
        )
    try:
        file = read_with(source.path, ReadOptions.of(dict(source.read)), backed=True)
    except InputError:
        return None
    try:
        same = (
            file.shape == adata.shape
            and bool((file.obs_names == adata.obs_names).all())
            and bool((file.var_names == adata.var_names).all())
            and set(file.layers) == set(adata.layers)
            and _same_counts(file.X, adata.X)
        )
        if not same:
            return None
        return AnnData(
            obs=_columns(adata.obs, file.obs),
            var=_columns(adata.var, file.var),
            obsm={
                key: value
                for key, value in adata.obsm.items()
                if key not in file.obsm or not _equal(value, file.obsm[key])
            },
            uns=_changed_uns(adata.uns, file.uns),
        )
    finally:
        if file.isbacked:
            file.file.close()


def _is_any(changed: AnnData) -> bool:
    frames = len(changed.obs.columns) + len(changed.var.columns)
    return bool(frames or len(changed.obsm) or len(changed.uns))


def _apply(adata: AnnData, changed: AnnData) -> None:
    for column in changed.obs:
        adata.obs[column] = changed.obs[column].to_numpy()
        adata.obs[column] = changed.obs[column].astype(changed.obs[column].dtype)
    for column in changed.var:
        adata.var[column] = changed.var[column]
    for key, value in changed.obsm.items():
        adata.obsm[key] = value
    for key, value in changed.uns.items():
        held = adata.uns.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping) and key == OURS
        adata.uns[key] = {**held, **value} if both else value


def _columns(now: pd.DataFrame, file: pd.DataFrame) -> pd.DataFrame:
    changed = [name for name in now if name not in file or not _equal(now[name], file[name])]
    return now[changed]


def _changed_uns(now: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    mine, old = _plain_uns(now), _plain_uns(file)
    changed = {key: v for key, v in mine.items() if key not in old or not _equal(v, old[key])}
    if SPATIAL in changed and _equal(_scales(mine[SPATIAL]), _scales(old.get(SPATIAL, {}))):
        del changed[SPATIAL]  # a file holds a copy of an image that the table only names
    return changed


def _plain_uns(uns: Mapping[str, Any]) -> dict[str, Any]:
    ours = uns.get(OURS)
    kept = dict(uns)
    if isinstance(ours, Mapping):
        kept[OURS] = {key: value for key, value in ours.items() if key not in _READING}
        if not kept[OURS]:
            del kept[OURS]
    return kept


def _scales(libraries: Any) -> Any:
    if not isinstance(libraries, Mapping):
        return libraries
    return {
        name: {
            key: value
            for key, value in library.items()
            if key in ("scalefactors", "metadata")
            for value in [
                {k: v for k, v in value.items() if k != "tissue_hires_scalef"}
                if isinstance(value, Mapping)
                else value
            ]
        }
        for name, library in libraries.items()
        if isinstance(library, Mapping)
    }


def _same_counts(file: Any, now: Any) -> bool:
    """Return whether some rows of two matrices agree: any change of the whole shows there."""
    if file is None or now is None:
        return file is None and now is None
    n = now.shape[0]
    for start in sorted({0, max(0, n // 2 - _ROWS // 2), max(0, n - _ROWS)}):
        parts = (matrix[start : start + _ROWS] for matrix in (file, now))
        one, other = (p.toarray() if hasattr(p, "toarray") else np.asarray(p) for p in parts)
        if one.shape != other.shape or not np.allclose(one, other, equal_nan=True):
            return False
    return True


def _equal(one: Any, other: Any) -> bool:
    import pandas as pd

    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, pd.DataFrame) and isinstance(other, pd.DataFrame):
        same = list(map(str, one.columns)) == list(map(str, other.columns))
        return same and all(_equal(one.iloc[:, i], other.iloc[:, i]) for i in range(one.shape[1]))
    if isinstance(one, pd.Series) and isinstance(one.dtype, pd.CategoricalDtype):
        if not isinstance(other.dtype, pd.CategoricalDtype):
            return False
        names = [list(map(str, column.cat.categories)) for column in (one, other)]
        return names[0] == names[1] and bool(
            np.array_equal(one.cat.codes.to_numpy(), other.cat.codes.to_numpy())
        )
    if hasattr(one, "tocsr") and hasattr(other, "tocsr"):
        return one.shape == other.shape and (one.tocsr() != other.tocsr()).nnz == 0
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "biuf" and second.dtype.kind in "biuf":
        return bool(np.array_equal(first, second, equal_nan="f" in (first.dtype.kind + "")))
    return [str(v) for v in first.ravel()] == [str(v) for v in second.ravel()]


def _write(adata: AnnData, path: Path, should_stop: ShouldStop) -> None:
    """Write a table as h5ad, its large arrays in blocks, so that it can be stopped."""
    import h5py
    from anndata.experimental import write_dispatched
    from scipy.sparse import issparse

    from napari_spatialrecon import hdf5
    from napari_spatialrecon.tissue.sharing import sharing

    if should_stop():
        raise Stopped()

    def write(
        whole: Any, store: Any, key: str, value: Any, *, dataset_kwargs: Any, iospec: Any
    ) -> None:
        kind = iospec.encoding_type
        if kind in ("csr_matrix", "csc_matrix") and issparse(value):
            whole(store, key, type(value)(value.shape, dtype=value.dtype))
            for part in ("data", "indices", "indptr"):
                array = np.asarray(getattr(value, part))
                del store[key][part]
                fill(store[key].create_dataset(part, array.shape, array.dtype), array, should_stop)
        elif kind in ("array", "string-array") and len(np.shape(value)) and len(value) > TEXTS:
            array = np.asarray(value, object if kind == "string-array" else None)
            dtype = h5py.string_dtype() if kind == "string-array" else array.dtype
            made = store.create_dataset(key, array.shape, dtype)
            made.attrs["encoding-type"], made.attrs["encoding-version"] = (
                kind,
                iospec.encoding_version,
            )
            fill(made, array, should_stop)
        else:
            whole(store, key, value, dataset_kwargs=dataset_kwargs)

    table = sharing(adata)
    table.strings_to_categoricals()
    with hdf5.created(path) as file:
        write_dispatched(file, "/", table, callback=write)
