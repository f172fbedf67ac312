"""Remedies of metrics, protocols and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics, gene_table
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures
from napari_spatialrecon.evaluation.palette import category_colors
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.evaluation.protocols import pseudo_visium
from napari_spatialrecon.evaluation.super_metrics import evaluate_super
from napari_spatialrecon.evaluation.type_maps import type_maps
from remedies.cases import Step, execute, remedy
from remedies.of_tissue import table

EVALUATE = "evaluation/evaluate.py"
RNG = np.random.default_rng(0)


# Evaluation


@remedy(EVALUATE, 'Try a file that "spatialrecon place" wrote.')
def _not_placed(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    yield lambda: evaluate_place(truth, AnnData(truth.X, obs=truth.obs, var=truth.var))
    yield lambda: evaluate_place(truth, placed)


@remedy(EVALUATE, "Try adata.obs_names_make_unique() before placing.")
def _twice(truth: AnnData, tiny: Any) -> Iterator[Step]:
    cells = tiny.cells.copy()
    cells.obs_names = ["c"] * cells.n_obs
    again = truth.copy()
    again.obs_names = cells.obs_names
    said = yield lambda: evaluate_place(again, again)
    code = str(said).partition(" before")[0]

    def follow() -> None:
        execute(code, adata=cells)
        again.obs_names = cells.obs_names
        result = sr.place({"one": tiny.slides[0]}, cells, method="knn")
        evaluate_place(again, result.adata)

    yield follow


@remedy(EVALUATE, "Try the table from which the query was made; cell names must match.")
def _other_cells(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    other = truth.copy()
    other.obs_names = [f"other{i}" for i in range(other.n_obs)]
    yield lambda: evaluate_place(other, placed)
    yield lambda: evaluate_place(truth, placed)


MAPS = RNG.uniform(size=(20, 3))


@remedy("evaluation/gene_metrics.py", "Try maps over the same spots and genes.")
def _maps() -> Iterator[Step]:
    yield lambda: gene_metrics(MAPS, MAPS[:, :2])
    yield lambda: gene_metrics(MAPS, MAPS)


def imputed(adata: AnnData) -> AnnData:
    result = adata.copy()
    result.var["origin"] = "imputed"
    return result


@remedy("evaluation/gene_metrics.py", "Try the slide on which the genes were imputed.")
def _other_spots() -> Iterator[Step]:
    slide, other = table(), table()
    other.obs_names = [f"o{i}" for i in range(30)]
    yield lambda: gene_table(other, imputed(slide))
    yield lambda: gene_table(slide, imputed(slide))


@remedy("evaluation/gene_metrics.py", "Try a truth with measurements of the imputed genes.")
def _other_genes() -> Iterator[Step]:
    slide, other = table(), table()
    other.var_names = [f"O{i}" for i in range(8)]
    yield lambda: gene_table(other, imputed(slide))
    yield lambda: gene_table(slide, imputed(slide))


def mixed(prefix: str = "c") -> AnnData:
    adata = table()
    adata.obs_names = [f"{prefix}{i}" for i in range(30)]
    shares = RNG.dirichlet(np.ones(3), 30)
    adata.obsm["proportions"] = pd.DataFrame(shares, adata.obs_names, ["A", "B", "C"])
    return adata


@remedy("evaluation/mixture_metrics.py", "Try the slide that was deconvolved.")
def _other_slide() -> Iterator[Step]:
    yield lambda: evaluate_mixtures(mixed("o"), mixed())
    yield lambda: evaluate_mixtures(mixed(), mixed())


@remedy("evaluation/mixture_metrics.py", 'Try a file that "spatialrecon deconvolve" wrote.')
def _not_mixed() -> Iterator[Step]:
    cells = table()
    cells.obs["type"] = ["A", "B", "C"] * 10
    made = sr.deconvolve(table(), cells, "type", method="nnls").adata
    yield lambda: evaluate_mixtures(mixed(), table())
    yield lambda: evaluate_mixtures(mixed(), made)


@remedy("evaluation/palette.py", "Try omitting the palette to use the color-blind-safe one.")
def _palette() -> Iterator[Step]:
    yield lambda: category_colors(["a", "b"], [])
    yield lambda: category_colors(["a", "b"])


@remedy("evaluation/place_metrics.py", "Try only the cells present in both, in the same order.")
def _lengths() -> Iterator[Step]:
    places = RNG.uniform(size=(40, 2))
    yield lambda: place_metrics(places, places[:30])
    yield lambda: place_metrics(places[:30], places[:30])


@remedy(
    "evaluation/place_metrics.py",
    "Try only the placed cells, and report how many were not placed.",
)
def _unplaced() -> Iterator[Step]:
    places = RNG.uniform(size=(40, 2))
    lost = places.copy()
    lost[3] = np.nan
    kept = np.isfinite(lost).all(axis=1)
    yield lambda: place_metrics(places, lost)
    yield lambda: place_metrics(places[kept], lost[kept])


@remedy("evaluation/protocols.py", "Try a larger pitch or fewer cells per spot.")
def _pitch() -> Iterator[Step]:
    cells = table(60)
    yield lambda: pseudo_visium(cells, 5.0, min_cells=5)
    yield lambda: (pseudo_visium(cells, 250.0, min_cells=5), pseudo_visium(cells, 5.0, min_cells=1))


@remedy("evaluation/super_metrics.py", "Try tables in the same frame and unit.")
def _frames() -> Iterator[Step]:
    slide = table(36)
    slide.obsm["spatial"] = np.c_[np.arange(36) % 6, np.arange(36) // 6] * 100.0
    parts = sr.super_resolve(slide, "2x2", method="uniform").adata
    bins = parts.copy()
    away = bins.copy()
    away.obsm["spatial"] = bins.obsm["spatial"] * 0.01 + 1e5
    yield lambda: evaluate_super(away, parts)
    yield lambda: evaluate_super(bins, parts)


@remedy("evaluation/type_maps.py", "Try {}.")
def _types() -> Iterator[Step]:
    shares = mixed().obsm["proportions"]
    places = table().obsm["spatial"]
    said = yield lambda: type_maps(places, shares, types=["D"])
    offered = str(said)[4:-1].split(", ")
    yield lambda: type_maps(places, shares, types=offered)
