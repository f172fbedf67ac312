"""Reading the output of a Xenium run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import (
    finished,
    placed,
    starts_with,
    turn_y,
    without_controls,
)
from napari_spatialrecon.tissue.formats.feature_matrix import read_features
from napari_spatialrecon.tissue.formats.folder import Found, one_sample, samples
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import XENIUM
from napari_spatialrecon.tissue.slots import SPATIAL

_XY = ("x_centroid", "y_centroid")
_COPY = "Try copying the whole output folder again."
#: Beginnings of names of controls, where the matrix does not state types of features.
_CONTROLS = (
    "NegControl",
    "BLANK_",
    "antisense_",
    "UnassignedCodeword",
    "DeprecatedCodeword",
    "Intergenic_Region",
)


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a Xenium run: `obsm["spatial"]` in µm, y down.

    The morphology image becomes the histology, with the size of a pixel that `experiment.xenium`
    states. Control probes and codewords are excluded.

    Parameters
    ----------
    path
        The output folder, or one of its files.
    options
        `library`: prefix of the files, where there are several. `y_axis`: "up" mirrors y.

    Raises
    ------
    ValidationError
        Lists every file that is missing: those that are needed, and those that
        `experiment.xenium` names.

    References
    ----------
    10x Genomics, Xenium Onboard Analysis documentation, "Understanding Xenium outputs".
    """
    prefix, files = one_sample(samples(path, XENIUM), ("matrix", "places"), options.library, path)
    experiment = _experiment(files)
    _check(files, experiment, prefix, path)
    notes: list[str] = []
    counts = _matrix(files["matrix"])
    places = _places(files["places"])
    counts = without_controls(counts, _controls(counts), notes)
    adata = placed(counts, places, _XY, notes=notes, where=str(files["places"]))
    adata.obsm[SPATIAL] = turn_y(
        adata.obsm[SPATIAL], stated="down", asked=options.y_axis, notes=notes
    )
    if options.y_axis != "up":
        _add_image(adata, files, experiment, prefix, notes)
    return finished(adata, "um", notes)


def _experiment(files: Found) -> dict[str, Any]:
    if "experiment" not in files:
        return {}
    try:
        found = json.loads(files["experiment"].read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def _check(files: Found, experiment: dict[str, Any], prefix: str, path: Path) -> None:
    start = f"{prefix}_" if prefix else ""
    problems = []
    for role in ("matrix", "places"):
        if role not in files:
            expected = " or ".join(start + name for name in XENIUM[role][:3])
            problems.append(Problem(str(path), f"Expected {expected}, found none.", _COPY))
    if "places" in files:
        names = csv_counts.header(files["places"])
        lacking = csv_counts.missing_columns(files["places"], names, ("cell_id", *_XY))
        problems += [Problem(str(path), what, _COPY) for what in lacking]
    if problems:
        folder = path if path.is_dir() else path.parent
        for name in _stated_files(experiment):
            if not (folder / name).exists():
                found = f"Expected {name}, which experiment.xenium names, found no such file."
                problems.append(Problem(str(path), found, _COPY))
        raise ValidationError(problems)


def _stated_files(experiment: dict[str, Any]) -> list[str]:
    sections = (experiment.get("images"), experiment.get("xenium_explorer_files"))
    return [
        str(name)
        for section in sections
        if isinstance(section, dict)
        for name in section.values()
        if isinstance(name, str) and name
    ]


def _places(path: Path) -> pd.DataFrame:
    places = (
        csv_counts.table(path)
        if path.suffix == ".parquet"
        else csv_counts.table(path, dtype={"cell_id": str})
    )
    names = places["cell_id"].map(lambda v: v.decode() if isinstance(v, bytes) else str(v))
    places = places.drop(columns=[c for c in places if str(c).startswith(("Unnamed", "__index"))])
    return places.drop(columns="cell_id").set_index(pd.Index(names, name=None))


def _matrix(path: Path) -> AnnData:
    """Return all features of the matrix: `.h5`, a folder of MTX, or zarr (zipped or not)."""
    if ".zarr" not in path.name:
        return read_features(path)
    try:
        return _zarr_matrix(path)
    except Exception as error:  # zarr raises plain exceptions
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"Expected the matrix of a Xenium run, found one that cannot be read ({reason}).",
            remedy=_COPY,
            where=str(path),
        ) from error


def _zarr_matrix(path: Path) -> AnnData:
    """Return the matrix that Xenium Explorer reads: of each feature, counts in cells."""
    import zarr

    store: Any = zarr.storage.ZipStore(path, mode="r") if path.is_file() else path
    group = zarr.open_group(store, mode="r")["cell_features"]
    assert isinstance(group, zarr.Group)
    stated: dict[str, Any] = dict(group.attrs)
    parts = [np.asarray(group[key]) for key in ("data", "indices", "indptr")]
    shape = (int(stated["number_features"]), int(stated["number_cells"]))
    cells = [cell_name(*pair) for pair in np.asarray(group["cell_id"]).reshape(shape[1], -1)]
    stored = sparse.csr_matrix(tuple(parts), shape=shape)
    stored.check_format(full_check=True)  # what transposes it does not look at indices
    matrix = sparse.csr_matrix(stored.T, dtype=np.float32)
    adata = csv_counts.counts_table(matrix, cells, stated["feature_keys"])
    adata.var["gene_ids"] = [str(name) for name in stated["feature_ids"]]
    adata.var["feature_types"] = [_TYPES.get(t, str(t)) for t in stated["feature_types"]]
    return adata


_TYPES = {"gene": "Gene Expression"}


def cell_name(number: int, suffix: int = 0) -> str:
    """Return the name of a cell of zarr files: 8 letters a to p for hexadecimal digits, suffix.

    Examples
    --------
    >>> cell_name(1437536272, 1)
    'ffkpbaba-1'
    """
    digits = f"{int(number):08x}".translate(_LETTERS)
    return f"{digits}-{int(suffix)}"


_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def _controls(adata: AnnData) -> np.ndarray:
    types = adata.var.get("feature_types")
    stated = (
        np.zeros(adata.n_vars, bool) if types is None else (types != "Gene Expression").to_numpy()
    )
    return np.asarray(stated | starts_with(adata.var_names, _CONTROLS), bool)


def _add_image(
    adata: AnnData, files: Found, experiment: dict[str, Any], prefix: str, notes: list[str]
) -> None:
    image = files.get("image")
    if image is not None and image.is_dir():
        image = next(iter(sorted(image.glob("*.ome.tif*"))), None)
    if image is None:
        return
    try:
        size = float(experiment["pixel_size"])
    except (KeyError, TypeError, ValueError):
        notes.append(
            f"{image.name} is not shown: no experiment.xenium states the size of its pixels."
        )
        return
    metadata = {"source_image_path": str(image.resolve()), "um_per_fullres_px": size}
    name = str(experiment.get("region_name") or prefix or "morphology")
    adata.uns[SPATIAL] = {name: {"images": {}, "scalefactors": {}, "metadata": metadata}}
