"""Remedies of comparing results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from anndata import AnnData
from napari.layers import Layer

import napari_spatialrecon as sr
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.results.acts import recolor
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.workspace.results import Result
from remedies.cases import Step, execute, remedy

COMPARING = "tasks/compared.py"


@remedy(COMPARING, "Try a slide with coordinates, or the table that a placement returned.")
def _without_places(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    yield lambda: sr.compare(AnnData(truth.X, obs=truth.obs, var=truth.var), placed)
    yield lambda: sr.compare(truth, placed)


@remedy(COMPARING, "Try adata.obs_names_make_unique() before the run.")
def _named_twice(truth: AnnData) -> Iterator[Step]:
    twice = truth.copy()
    twice.obs_names = [twice.obs_names[0], *twice.obs_names[:-1]]
    said = yield lambda: sr.compare(twice, twice)

    def follow() -> None:
        execute(str(said).partition(" before")[0], adata=twice)
        sr.compare(twice, twice)

    yield follow


@remedy(COMPARING, "Try two results of the same cells: they are matched by their names.")
def _of_other_cells(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    other = truth.copy()
    other.obs_names = [f"other{i}" for i in range(other.n_obs)]
    yield lambda: sr.compare(other, placed)
    yield lambda: sr.compare(truth, placed)


VALUES = "tasks/value_comparing.py"


def mixture(truth: AnnData) -> AnnData:
    """Return a mixture of two types in the spots of a slide."""
    made = truth.copy()
    shares = {"A": 0.5, "B": 0.5}
    made.obsm["proportions"] = pd.DataFrame(shares, index=made.obs_names)
    return made


def imputed(truth: AnnData, prefix: str = "") -> AnnData:
    """Return imputed genes in the spots of a slide."""
    made = truth.copy()
    made.var_names = [f"{prefix}{name}" for name in made.var_names]
    made.var["origin"] = "imputed"
    return made


@remedy(VALUES, "Try two results of the same task.")
def _of_two_tasks(truth: AnnData) -> Iterator[Step]:
    yield lambda: sr.compare_values(mixture(truth), imputed(truth))
    yield lambda: sr.compare_values(mixture(truth), mixture(truth))


@remedy(VALUES, "Try two results with a gene in common.")
def _of_other_genes(truth: AnnData) -> Iterator[Step]:
    yield lambda: sr.compare_values(imputed(truth), imputed(truth, "other "))
    yield lambda: sr.compare_values(imputed(truth), imputed(truth))


@remedy(VALUES, "Try two results of the same factor.")
def _of_other_parts(truth: AnnData) -> Iterator[Step]:
    made = []
    for factor in ("2x2", "3x3"):
        split = truth.copy()
        split.obs["parent"] = split.obs_names
        split.uns["spatialrecon"] = {"factor": factor}
        made.append(split)
    yield lambda: sr.compare_values(*made)
    yield lambda: sr.compare_values(made[0], made[0].copy())


MODEL, ACTS = "viewer/results/model.py", "viewer/results/acts.py"


def result(space: Any, adata: AnnData, task: str = "place", **more: Any) -> Result:
    """Return a result in a workspace."""
    return space.results.add(Result(task, task, adata, **more))


@remedy(MODEL, "Try ticking two results of the same cells.")
def _one_ticked(space: Any, placed: AnnData) -> Iterator[Step]:
    model = ResultsModel(space)
    model.tick(result(space, placed))
    yield model.compare
    model.tick(result(space, placed))
    yield model.compare


@remedy(MODEL, "Try ticking two results of the same task.")
def _no_placement(space: Any, placed: AnnData) -> Iterator[Step]:
    model, genes = ResultsModel(space), result(space, placed, "impute-genes")
    model.tick(result(space, placed))
    model.tick(genes)
    yield model.compare
    model.tick(genes, False)
    model.tick(result(space, placed))
    yield model.compare


@remedy(ACTS, "Try a placement, or cell types in spots.")
def _not_points(space: Any, viewer: Any, placed: AnnData) -> Iterator[Step]:
    without = Side(result(space, placed))
    yield lambda: recolor(viewer, [without], "cell_type")
    layer = viewer.add_layer(Layer.create(*cells_layer(placed, name="placed")))
    shown = Side(result(space, placed, layer=layer))
    yield lambda: recolor(viewer, [without, shown], "cell_type")
