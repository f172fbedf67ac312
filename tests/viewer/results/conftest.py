"""Results of placements, without Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from napari.components import ViewerModel
from napari.layers import Layer

from napari_spatialrecon.viewer.canvas.layers import cells_layer, spots_layer
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

N = 150
METRICS = {
    "held_out_method": 0.36,
    "held_out_baseline": 0.4,
    "held_out_method_um": 414.0,
    "held_out_baseline_um": 423.0,
    "held_out_center_um": 1072.0,
}


def table(points: np.ndarray, unit: str = "um") -> AnnData:
    """Return cells at places (n, 2), (x, y), with two genes and a type."""
    rng = np.random.default_rng(1)
    adata = AnnData(
        X=rng.poisson(3.0, (len(points), 12)).astype(np.float32),
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical(rng.choice(["T cell", "Tumor"], len(points)))},
            index=[f"cell{i}" for i in range(len(points))],
        ),
    )
    adata.var_names = [f"GENE{i}" for i in range(12)]
    adata.obsm["spatial"] = points
    adata.uns["spatialrecon"] = {"unit": unit}
    return adata


@pytest.fixture
def tissue() -> np.ndarray:
    """Places of cells in µm, (n, 2)."""
    return np.random.default_rng(0).random((N, 2)) * [1000, 600]


Placed = Callable[..., Result]


@pytest.fixture
def space(viewer: ViewerModel, forgetful: Any) -> Workspace:
    """The workspace of a viewer without Qt."""
    return forgetful(viewer)


@pytest.fixture
def placed(viewer: ViewerModel, space: Workspace) -> Placed:
    """Adds a placed result and its layer."""
    return lambda *given, **more: add_placed(viewer, space, *given, **more)


def add_placed(
    viewer: Any, space: Workspace, name: str, points: np.ndarray, *, unit: str = "um", **record: Any
) -> Result:
    """Add a placed result to a viewer."""
    adata = table(points, unit)
    layer = Layer.create(*cells_layer(adata, name=name))
    viewer.add_layer(layer)
    held = {"task": "place", "method": "gears", "metrics": METRICS, "seed": 3, "wall_seconds": 100}
    return space.results.add(Result(name, "place", adata, {**held, **record}, layer))


def add_slide(viewer: Any, name: str, points: np.ndarray, prefix: str = "") -> Layer:
    """Add a slide with the true places, and names that start otherwise if asked."""
    adata = table(points)
    adata.obs_names = [f"{prefix}{cell}" for cell in adata.obs_names]
    layer = Layer.create(*spots_layer(adata, name=name))
    viewer.add_layer(layer)
    return layer


def add_mixture(viewer: Any, space: Workspace, name: str, points: np.ndarray, seed: int) -> Result:
    """Add mixtures of three types in spots, and their layer."""
    adata = table(points)
    shares = np.random.default_rng(seed).dirichlet([1.0, 1.0, 1.0], len(points))
    types = ["B cell", "T cell", "Tumor"]
    adata.obsm["proportions"] = pd.DataFrame(shares, adata.obs_names, types)
    adata.uns["spatialrecon"]["types"] = np.array(types)
    layer = Layer.create(*spots_layer(adata, name=name))
    viewer.add_layer(layer)
    return space.results.add(Result(name, "deconvolve", adata, {"task": "deconvolve"}, layer))


def add_imputed(viewer: Any, space: Workspace, name: str, points: np.ndarray, seed: int) -> Result:
    """Add imputed genes in spots, and their layer."""
    adata = table(points)
    adata.X = np.random.default_rng(seed).random(adata.shape).astype(np.float32)
    adata.var["origin"] = "imputed"
    layer = Layer.create(*spots_layer(adata, name=name))
    viewer.add_layer(layer)
    return space.results.add(Result(name, "impute-genes", adata, {"task": "impute-genes"}, layer))
