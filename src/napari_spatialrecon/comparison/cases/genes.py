"""Slides whose genes are held out in five folds, and cells that measure them.

`bdtnp`: in situ atlas of the fly embryo (intensities) with Drop-seq. `mop`: MERFISH pseudo-spots of
mouse motor cortex with 10x single-cell RNA. `xenium`: Xenium cells of a breast cancer with Visium
spots of a neighbouring section. True counts become log1p(x / total · median) over all genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from napari_spatialrecon.comparison.cases.problem import Part, Problem, bare
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.tissue.contract import counts, prepare_slide

CASES = ("bdtnp", "mop", "xenium")


@dataclass(frozen=True)
class Case:
    """A slide, reference cells, the genes of each fold, and the log-normalized truth."""

    slide: anndata.AnnData
    cells: anndata.AnnData
    folds: list[list[str]]
    truth: pd.DataFrame


def load(name: str, data: DataFolder, rate: float = 1.0) -> Case:
    """Return a case by its name; of the slide's counts a share of `rate` is kept."""
    if name == "bdtnp":
        slide = anndata.read_h5ad(data.find("drosophila_bdtnp/atlas_bdtnp.h5ad"))
        slide.var_names = slide.var["scrna_name"].astype(str)
        cells = anndata.read_h5ad(data.find("drosophila_bdtnp/scrna_dropseq.h5ad"))
    elif name == "mop":
        slide = anndata.read_h5ad(data.find("mop_merfish_scrna/merfish_pseudospots.h5ad"))
        cells = anndata.read_h5ad(data.find("mop_merfish_scrna/scrna_mop.h5ad"))
        cells = _some(cells, 4000)
    else:
        slide = _some(anndata.read_h5ad(data.find("breast_xenium_visium/xenium_cells.h5ad")), 4000)
        cells = anndata.read_h5ad(data.find("breast_xenium_visium/visium_spots.h5ad"))
    slide.obsm["spatial"] = np.asarray(slide.obsm["spatial"], float)[:, :2]
    slide.X = counts(slide)
    slide = slide[np.asarray(slide.X.sum(axis=1)).ravel() >= 10].copy()
    truth = measured(slide)
    if rate < 1:
        slide.X = _fewer(slide.X, rate)
    slide.layers.clear()
    slide.uns.clear()
    shared = [g for g in truth.columns[truth.std() > 0] if g in set(cells.var_names)]
    order = np.random.default_rng(0).permutation(shared)
    return Case(slide, cells, [list(f) for f in np.array_split(order, 5)], truth)


def _some(adata: anndata.AnnData, n: int) -> anndata.AnnData:
    return adata[np.random.default_rng(0).permutation(adata.n_obs)[:n]].copy()


def _fewer(matrix: sparse.csr_matrix, rate: float) -> sparse.csr_matrix:
    """Keep each count with a chance of `rate`; of intensities, each value."""
    rng, fewer = np.random.default_rng(0), matrix.copy()
    if np.all(matrix.data == np.rint(matrix.data)):
        fewer.data = rng.binomial(matrix.data.astype(int), rate).astype(np.float32)
    else:
        fewer.data = fewer.data * (rng.random(len(fewer.data)) < rate)
    return fewer


def measured(slide: anndata.AnnData) -> pd.DataFrame:
    """Return what predictions are compared with: log-normalized counts, or intensities."""
    prepared = prepare_slide(slide, "slide", counts_needed=False)
    logs = log_normalised(prepared, intensities=True)[0].toarray()
    return pd.DataFrame(logs, slide.obs_names[prepared.kept], slide.var_names)


def problem(name: str, data: DataFolder) -> Problem:
    """Return a case as it is set: a part for each fold, whose genes its slide lacks."""
    case = load(name, data)
    return folded(case.slide, case.cells, case.folds, case.truth)


def folded(
    slide: anndata.AnnData,
    cells: anndata.AnnData,
    folds: list[list[str]],
    truth: pd.DataFrame,
) -> Problem:
    """Return the case of genes that are hidden in folds."""
    cells = bare(cells)
    parts = []
    for fold in folds:
        seen = slide[:, ~slide.var_names.isin(fold)]
        parts.append(Part({"slide": bare(seen), "reference": cells}, {"genes": list(fold)}))
    hidden = truth[[gene for fold in folds for gene in fold]]
    return Problem("impute-genes", tuple(parts), anndata.AnnData(hidden))
