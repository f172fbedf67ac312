"""Tangram and novoSpaRc on the fly embryo, on the same folds as COME.

    python -m experiments.genes.peers --data DIR [method ...] [--split 5] [--folds 5] [--csv FOLDER]

The peers are tangram-sc 1.0.4 and novosparc 0.4.4 (with POT): `pip install -e .[peers]`. Cells are
log-normalised; the atlas is used as is. Each fold hides its genes from the atlas; the predicted map
is the mapping times the expression of the cells. Tangram has seed 1, because it ignores a seed of
0. `--split` is the number of folds, `--folds` how many are run; `--csv` saves the row of each gene.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from experiments.data import add_data_option, run
from experiments.genes.cases import Case, impute, load
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.tissue.contract import prepare_query

SEED = 1
#: Tangram's own number of steps; novoSpaRc's settings are those of its tutorial of this embryo.
EPOCHS = 1000
NEIGHBOURS, ALPHA, EPSILON = 5, 0.8, 5e-3


def tables(case: Case, fold: list[str]) -> tuple[anndata.AnnData, anndata.AnnData, list[str]]:
    """Return log-normalised cells, the atlas, and the genes of it that may be seen."""
    logs = log_normalised(prepare_query(case.cells, "cells"))[0]
    cells = anndata.AnnData(logs.tocsr(), var=case.cells.var[[]].copy())
    seen = [g for g in case.truth.columns if g not in set(fold) and g in set(cells.var_names)]
    atlas = anndata.AnnData(case.truth[seen].to_numpy(np.float32), var=pd.DataFrame(index=seen))
    atlas.obsm["spatial"] = case.slide.obsm["spatial"]
    return cells, atlas, seen


def tangram(case: Case, fold: list[str], over_spots: bool = True) -> np.ndarray:
    """Map cells as Tangram does; `over_spots` False: each spot's weights are made to sum to 1."""
    import tangram as tg

    cells, atlas, seen = tables(case, fold)
    expression = cells[:, fold].X.toarray()
    tg.pp_adatas(cells, atlas, genes=seen, gene_to_lowercase=False)
    mapped = tg.map_cells_to_space(
        cells, atlas, num_epochs=EPOCHS, density_prior="uniform", random_state=SEED, verbose=False
    )
    weights = np.asarray(mapped.X).T
    if not over_spots:
        weights = weights / weights.sum(axis=1, keepdims=True)
    return weights @ expression


def novosparc(case: Case, fold: list[str], scaled: bool = False) -> np.ndarray:
    """Transport cells as novoSpaRc does; `scaled`: each gene to [0, 1] on either side before."""
    import novosparc as package

    cells, atlas, seen = tables(case, fold)
    expression = cells[:, fold].X.toarray()
    markers = [cells.var_names.get_loc(g) for g in seen]
    dense = cells.X.toarray()
    spots = np.asarray(atlas.X)
    if scaled:
        dense = dense / np.maximum(dense.max(axis=0), 1e-9)
        spots = spots / np.maximum(spots.max(axis=0), 1e-9)
    varying = np.argsort(-dense.var(axis=0))[:2000]
    tissue = package.cm.Tissue(dataset=anndata.AnnData(dense), locations=atlas.obsm["spatial"])
    tissue.setup_smooth_costs(dense[:, varying], NEIGHBOURS, NEIGHBOURS, verbose=False)
    tissue.setup_linear_cost(markers, spots)
    tissue.reconstruct(alpha_linear=ALPHA, epsilon=EPSILON, verbose=False)
    return tissue.gw.T @ expression


def come(case: Case, fold: list[str]) -> np.ndarray:
    result = impute(case, fold, "come", "quick", [])
    return np.asarray(result.adata.X)


METHODS: dict[str, Callable[[Case, list[str]], np.ndarray]] = {
    "tangram": tangram,
    "tangram-z": lambda case, fold: tangram(case, fold, over_spots=False),
    "novosparc": novosparc,
    "novosparc-scaled": lambda case, fold: novosparc(case, fold, scaled=True),
    "come": come,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", nargs="*", default=list(METHODS))
    add_data_option(parser)
    parser.add_argument("--split", type=int, default=5)
    parser.add_argument("--folds", type=int)
    parser.add_argument("--csv", type=Path)
    asked = parser.parse_args()
    case = load("bdtnp", asked.data)
    folds = [list(f) for f in np.array_split(np.concatenate(case.folds), asked.split)]
    print("| bdtnp | PCC | median | SSIM | RMSE | JS | s |\n|---|---|---|---|---|---|---|")
    for name in asked.method:
        start, found = time.time(), []
        for fold in folds[: asked.folds]:
            with contextlib.redirect_stdout(io.StringIO()):
                maps = METHODS[name](case, fold)
            maps = maps.toarray() if sparse.issparse(maps) else np.asarray(maps)
            found.append(gene_metrics(case.truth[fold].to_numpy(), maps).set_axis(fold))
        table = pd.concat(found)
        if asked.csv is not None:
            table.to_csv(asked.csv / f"{name}.csv")
        mean = table.mean()
        values = (mean["pcc"], table["pcc"].median(), mean["ssim"], mean["rmse"], mean["js"])
        shown = " | ".join(f"{v:.3f}" for v in values)
        print(f"| {name} | {shown} | {time.time() - start:.0f} |", flush=True)


if __name__ == "__main__":
    run(main)
