"""Reading bead arrays: Slide-seq, and Curio Seeker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from scipy.io import mmread

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.hdf5_vetting import vet
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import finished, placed, turn_y, with_unique_genes
from napari_spatialrecon.tissue.formats.folder import (
    Found,
    Names,
    missing_files,
    one_sample,
    samples,
)
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import CURIO, SLIDESEQ
from napari_spatialrecon.tissue.slots import SPATIAL

_COPY = "Try copying the whole folder again."
_XY = ("x", "y")


@dataclass(frozen=True)
class _Array:
    """A kind of bead array: its files, the µm of a unit of its coordinates, and who says so."""

    names: Names
    um: float


#: 0.65 µm a pixel of the microscope that reads the beads [1]_.
_SLIDESEQ = _Array(SLIDESEQ, 0.65)
#: 1 µm is 1.5456 units [2]_.
_CURIO = _Array(CURIO, 1 / 1.5456)


def read_slideseq(path: Path, options: ReadOptions) -> AnnData:
    """Return the beads of a Slide-seq puck: `obsm["spatial"]` in µm, y down.

    Parameters
    ----------
    path
        The folder, or a file of `*bead_locations.csv` and `*digital_expression.txt.gz`, or of
        `BeadLocationsForR.csv` and `MappedDGEForR.csv`.
    options
        `library`: prefix of the files, where there are several. `y_axis`: "down" leaves y as it
        is; in the plots of the papers it points up.

    Raises
    ------
    ValidationError
        Lists every file that is missing.

    References
    ----------
    .. [1] Stickels et al., Nat. Biotechnol. 39 (2021) 313-319.
    """
    return _read(path, options, _SLIDESEQ)


def read_curio(path: Path, options: ReadOptions) -> AnnData:
    """Return the beads of a Curio Seeker output; see `read_slideseq`.

    Counts are those of the matrix; without it those of `*_anndata.h5ad`, whose coordinates are
    taken where there is no `*_MatchedBeadLocation.csv`.

    References
    ----------
    .. [2] Smoothie, "Micron-to-Unit Conversion Factors for S.T. Platforms".
    """
    return _read(path, options, _CURIO)


def _read(path: Path, options: ReadOptions, kind: _Array) -> AnnData:
    found = samples(path, kind.names)
    needed = ("counts", "places")
    prefix, files = one_sample(found, needed, options.library, path)
    lacking = () if "table" in files else needed
    problems = missing_files(files, lacking, prefix, kind.names, path, remedy=_COPY)
    if problems:
        raise ValidationError(problems)
    notes: list[str] = []
    counts = with_unique_genes(_counts(files), notes)
    if "places" in files:
        places = _places(files["places"])
    else:
        xy = np.asarray(counts.obsm[SPATIAL], dtype=np.float64)
        places = pd.DataFrame(xy[:, :2], counts.obs_names, _XY)
    where = str(files.get("places", files.get("table")))
    adata = placed(counts, places, _XY, notes=notes, where=where, rows="beads")
    xy = turn_y(adata.obsm[SPATIAL], stated="up", asked=options.y_axis, notes=notes)
    adata.obsm[SPATIAL] = xy * kind.um
    notes.append(f"The unit of the bead coordinates was assumed to be {kind.um:.3g} µm.")
    return finished(adata, "um", notes)


def _counts(files: Found) -> AnnData:
    path = files.get("counts")
    if path is None:
        vet(files["table"])
        return anndata.read_h5ad(files["table"])
    name = path.name.removesuffix(".gz")
    if name.endswith(".mtx"):
        return _matrix_market(path, files)
    return csv_counts.genes_by_cells(path, "," if name.endswith(".csv") else "\t")


def _matrix_market(path: Path, files: Found) -> AnnData:
    lacking = [role for role in ("genes", "barcodes") if role not in files]
    if lacking:
        raise ValidationError(
            [
                Problem(str(path.parent), f"Expected {role}.tsv beside {path.name}.", _COPY)
                for role in lacking
            ]
        )
    try:
        matrix = sparse.csr_matrix(mmread(path), dtype=np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise csv_counts.damaged(path, error) from error
    names = {
        role: csv_counts.table(files[role], sep="\t", header=None, dtype=str).iloc[
            :, -1 if role == "genes" else 0
        ]
        for role in ("genes", "barcodes")
    }
    if matrix.shape != (len(names["genes"]), len(names["barcodes"])):
        raise InputError(
            f"Expected {len(names['genes']):,} genes and {len(names['barcodes']):,} beads, as the "
            f"tables beside it list, found a matrix of {matrix.shape[0]:,} x {matrix.shape[1]:,}.",
            remedy=_COPY,
            where=str(path),
        )
    return csv_counts.counts_table(
        sparse.csr_matrix(matrix.T), list(names["barcodes"]), list(names["genes"])
    )


def _places(path: Path) -> pd.DataFrame:
    """Return x and y by barcode: the last two columns and the first, with a header or without."""
    names = csv_counts.header(path)
    if len(names) < 3:
        raise InputError(
            f"Expected a barcode, x and y in each row, found {len(names)} columns.",
            remedy=_COPY,
            where=str(path),
        )
    table = csv_counts.table(path, header=None if _is_number(names[-1]) else 0)
    table = table.iloc[:, [0, -2, -1]]
    table.columns = pd.Index(["barcode", *_XY])
    return table.set_index(table["barcode"].astype(str))[list(_XY)].rename_axis(None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
