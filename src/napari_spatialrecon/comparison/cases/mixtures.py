"""Spots with known mixtures.

In `SECTIONS`, half of the cells of a section, drawn with seed 0, are summed into square spots of
about eight cells; the reference is 3,000 cells of the other half. Cells labelled Ambiguous are
excluded first. `PREPARED` are read from the folder ``mixtures``: spots of one mouse with the cells
of another as reference, and spots in which each gene has its own capture rate.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part, Problem, bare
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.protocols import pseudo_visium
from napari_spatialrecon.tissue.slots import PROPORTIONS

#: Case: file of labelled cells with places, and the column of their types.
SECTIONS = {
    "embryo": ("seqfish_embryo2/seqfish_embryo2.h5ad", "celltype_mapped_refined"),
    "mpoa": ("merfish_mpoa/merfish_mpoa.h5ad", "celltype"),
    "starmap": ("starmap_mpfc/section_BZ9.h5ad", "celltype"),
}
#: Case: its name in the folder ``mixtures``.
PREPARED = {
    "starmap-other-mouse": "xstarmap",
    "embryo-platform": "embryope",
    "mpoa-platform": "mpoape",
}
CASES = (*SECTIONS, *PREPARED)
CELLS_PER_SPOT, REFERENCE = 8, 3000


def load(name: str, data: DataFolder) -> tuple[AnnData, AnnData, AnnData, str]:
    """Return spots, reference cells, spots with their true proportions, and the types' column."""
    return _prepared(PREPARED[name], data) if name in PREPARED else _summed(name, data)


def _prepared(name: str, data: DataFolder) -> tuple[AnnData, AnnData, AnnData, str]:
    spots, cells = (data.read(f"mixtures/{name}_{what}.h5ad") for what in ("spots", "ref"))
    truth = spots.copy()
    shares = pd.read_csv(data.find(f"mixtures/{name}_truth.csv"), index_col=0)
    truth.obsm["proportions"] = shares.loc[spots.obs_names]
    return spots, cells, truth, "celltype"


def _summed(name: str, data: DataFolder) -> tuple[AnnData, AnnData, AnnData, str]:
    path, column = SECTIONS[name]
    cells = data.cells(path)
    cells.obs_names_make_unique()
    cells = cells[(cells.obs[column].astype(str) != "Ambiguous").to_numpy()].copy()
    rng = np.random.default_rng(0)
    half = rng.random(cells.n_obs) < 0.5
    summed = cells[half].copy()
    points = np.asarray(summed.obsm["spatial"], float)
    area = np.prod(np.ptp(np.asarray(cells.obsm["spatial"], float), axis=0))
    pitch = float(np.sqrt(area * CELLS_PER_SPOT / half.sum()))
    spots = pseudo_visium(summed, pitch, min_cells=3)
    grid = np.floor((points - points.min(axis=0)) / pitch).astype(int)
    names = [f"spot{x}x{y}" for x, y in grid]
    table = pd.crosstab(pd.Series(names), summed.obs[column].astype(str).to_numpy())
    truth = spots.copy()
    truth.obsm["proportions"] = table.div(table.sum(axis=1), axis=0).loc[spots.obs_names]
    others = cells[~half]
    reference = others[rng.permutation(others.n_obs)[:REFERENCE]].copy()
    return spots, reference, truth, column


def problem(name: str, data: DataFolder) -> Problem:
    """Return a case as it is set."""
    spots, reference, truth, column = load(name, data)
    return mixed(spots, reference, column, shares(truth.obsm[PROPORTIONS]))


def mixed(spots: AnnData, reference: AnnData, column: str, answer: AnnData) -> Problem:
    """Return the case of spots whose mixtures are known."""
    tables = {"slide": bare(spots), "reference": bare(reference, columns=(column,))}
    asked = {"labels": column, "cells_per_spot": CELLS_PER_SPOT}
    return Problem("deconvolve", (Part(tables, asked),), answer)


def shares(table: pd.DataFrame) -> AnnData:
    """Return spots with their proportions: the answer of a deconvolution."""
    answer = AnnData(obs=pd.DataFrame(index=table.index.astype(str)))
    answer.obsm[PROPORTIONS] = table.set_axis(answer.obs_names)
    return answer
