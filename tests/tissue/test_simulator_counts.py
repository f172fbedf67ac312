"""Counts of the simulator behave like counts of an experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.simulator.cells import Cells
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.cortex import cortex
from napari_spatialrecon.tissue.simulator.expression import Measurement, draw_counts, draw_genes
from napari_spatialrecon.tissue.simulator.simulate import simulate

TINY = SimulatorConfig.preset("tiny")


def same_cells(config: SimulatorConfig, n: int = 3000) -> np.ndarray:
    """Counts of cells of one type at one place."""
    rng = np.random.default_rng(0)
    layout = cortex(config.size, rng)
    genes = draw_genes(layout, config, rng)
    cells = Cells(np.full((n, 2), config.size / 2), np.zeros(n, int), np.zeros(n, int))
    measured = Measurement(2000.0, np.zeros(config.n_genes))
    return draw_counts(
        genes, cells, layout.section(0.0), np.ones(n), measured, config, rng, Reporter()
    ).toarray()


def dispersion(counts: np.ndarray) -> float:
    mean, variance = counts.mean(0), counts.var(0)
    common = mean > 1
    return float(np.median((variance - mean)[common] / mean[common] ** 2))


def test_counts_are_overdispersed_as_asked():
    flat = dispersion(same_cells(replace(TINY, dispersion=0.0, dropout=0.0)))
    wide = dispersion(same_cells(replace(TINY, dispersion=1.0, dropout=0.0)))
    assert flat < 0.3
    assert 0.6 < wide - flat < 1.6


def test_dropout_takes_weak_genes_and_spares_strong_ones():
    whole = same_cells(replace(TINY, dropout=0.0))
    holed = same_cells(replace(TINY, dropout=0.5))
    kept = holed.mean(0) / np.maximum(whole.mean(0), 1e-9)
    weak, strong = whole.mean(0) < 0.5, whole.mean(0) > 20
    assert 0.45 < np.median(kept[weak]) < 0.75
    assert np.median(kept[strong]) > 0.9


def test_depth_is_near_what_was_asked_and_lower_in_dissociated_cells():
    made = simulate("cortex", TINY)
    slide = np.median(np.asarray(made.single_cell_slides[0].X.sum(1)))
    query = np.median(np.asarray(made.cells.X.sum(1)))
    assert slide == pytest.approx(TINY.depth, rel=0.15)
    assert query == pytest.approx(TINY.query_depth, rel=0.2)
    assert query < slide


def batch_distance(strength: float) -> float:
    made = simulate("cortex", replace(TINY, batch_effect=strength, composition_shift=0.0))
    a, b = made.cells.X.mean(0), made.single_cell_slides[0].X.mean(0)
    ratio = np.log((np.asarray(a) + 0.05) / (np.asarray(b) + 0.05))
    return float(ratio.std())


def test_a_batch_effect_separates_dissociated_cells_from_slides():
    assert batch_distance(0.8) > 2 * batch_distance(0.0)


def shares_apart(shift: float) -> float:
    made = simulate("tumour", replace(TINY, composition_shift=shift))
    a = made.cells.obs["cell_type"].value_counts(normalize=True, sort=False)
    b = made.single_cell_slides[0].obs["cell_type"].value_counts(normalize=True, sort=False)
    return float((a - b).abs().sum() / 2)


def test_a_composition_shift_changes_the_shares_of_types():
    assert shares_apart(0.0) < 0.12
    assert shares_apart(1.0) > 0.2


def test_markers_mark_their_type_and_noise_genes_nothing():
    made = simulate("cortex", TINY)
    cells = made.single_cell_slides[0]
    share = cells.X.toarray() / cells.X.sum(1)
    types = cells.obs["cell_type"].to_numpy()
    markers = made.genes[made.genes["program"] == "type"]
    for gene, driver in markers["driver"].items():
        own = np.asarray(share[types == driver, made.genes.index.get_loc(gene)])
        rest = np.asarray(share[types != driver, made.genes.index.get_loc(gene)])
        if len(own) > 30:
            assert own.mean() > 1.5 * rest.mean(), (gene, driver)


@pytest.mark.parametrize("tissue", ["cortex", "tumour"])
def test_without_noise_the_expression_determines_the_place(tissue):
    made = simulate(tissue, replace(TINY, noise=False), seed=1)
    cells = made.single_cell_slides[0]
    profile = [np.log(t.X.toarray() / t.X.sum(1)) for t in (made.cells, cells)]
    nearest = cKDTree(profile[1]).query(profile[0])[1]
    tissue_frame = cells.obs[["x_um", "y_um"]].to_numpy()
    truth = made.truth[["x_um", "y_um"]].to_numpy()
    by_place = cKDTree(tissue_frame).query(truth)[0]
    by_expression = np.hypot(*(tissue_frame[nearest] - truth).T)
    assert by_expression.max() < 60
    assert np.median(by_expression) < 1.5 * np.median(by_place)


def test_without_place_no_gene_but_those_of_types_is_spatial():
    flat, told = (
        simulate("cortex", replace(TINY, spatial_strength=s)).single_cell_slides[0]
        for s in (0.0, 1.0)
    )
    signal = [np.quantile(spatial_signal(t), 0.8) for t in (flat, told)]
    assert signal[1] > 2 * signal[0]


def spatial_signal(adata: ad.AnnData) -> np.ndarray:
    x = np.asarray(adata.X.todense(), float)
    depth = x.sum(1, keepdims=True)
    present = x.mean(0) > 0.05
    logged = np.log1p(x / np.maximum(depth, 1) * np.median(depth))[:, present]
    return morans_i(logged, np.asarray(adata.obsm["spatial"], float))


@pytest.mark.realdata
def test_zeros_depth_and_spatial_signal_fall_among_those_of_real_tissue(realdata: Path):
    figures = []
    for path in ("starmap_mpfc/section_BZ5.h5ad", "starmap_mpfc/section_BZ9.h5ad",
                 "seqfish_embryo2/seqfish_embryo2.h5ad"):  # fmt: skip
        adata = ad.read_h5ad(realdata / path)
        adata.X = adata.layers.get("counts", adata.X)
        figures.append(figures_of(adata[np.asarray(adata.X.sum(1)).ravel() >= 20]))
    low, high = np.min(figures, 0), np.max(figures, 0)
    config = SimulatorConfig(size=1800.0, n_sections=1, n_cells=500, um_per_image_px=8.0)
    for tissue in ("cortex", "tumour"):
        found = figures_of(simulate(tissue, config).single_cell_slides[0])
        assert (found > 0.75 * low).all() and (found < 1.25 * high).all(), (tissue, found)


def figures_of(adata: ad.AnnData) -> np.ndarray:
    """Median depth, share of zeros, median and 90% quantile of Moran's I."""
    x = adata.X
    zeros = 1 - (x != 0).sum() / (x.shape[0] * x.shape[1])
    signal = np.quantile(spatial_signal(adata), [0.5, 0.9])
    return np.array([np.median(np.asarray(x.sum(1))), zeros, *signal])
