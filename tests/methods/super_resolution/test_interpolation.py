"""Interpolations split counts without losing one, and are what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse

from napari_spatialrecon.methods.super_resolution.config import InterpolationConfig
from napari_spatialrecon.methods.super_resolution.interpolation import (
    Bicubic,
    Bilinear,
    Gaussian,
    Uniform,
)
from napari_spatialrecon.methods.super_resolution.weights import (
    bicubic,
    gaussian_weights,
    linear_coverage,
    linear_weights,
)
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.subspots import parse_factor, split_spots

METHODS = (Uniform, Bilinear, Bicubic, Gaussian)


def raster(shape=(7, 9), n_genes=3, seed=0):
    """Bins of a full raster: counts (rows, columns, genes) and their places."""
    counts = np.random.default_rng(seed).poisson(2.0, (*shape, n_genes)).astype(float)
    y, x = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    return counts, np.c_[x.ravel(), y.ravel()].astype(float)


def fitted(method, counts, parts):
    table = AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    return method.fit(Prepared(table, "slide", np.ones(len(counts), bool)), parts)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    factor=st.sampled_from(["2x2", "2x5", "3x1", "4x4"]),
    kept=st.floats(0.3, 1.0),
    method=st.sampled_from(METHODS),
)
def test_no_count_is_lost_or_invented_for_any_counts_parts_and_masks(seed, factor, kept, method):
    rng = np.random.default_rng(seed)
    counts, points = raster(seed=seed)
    rows = rng.random(len(points)) < kept
    rows[[0, 1, 2, 9, 10, 11, 18, 19, 20]] = True
    counts = counts.reshape(-1, 3)[rows] * rng.integers(0, 2, 3)
    parts = split_spots(find_lattice(points[rows]), parse_factor(factor))
    block = fitted(method(), counts, parts).split(np.arange(3), Reporter())
    sums = block.values.toarray().reshape(len(counts), parts.factor.parts, 3).sum(axis=1)
    np.testing.assert_allclose(sums, counts, rtol=1e-12, atol=1e-12)
    assert block.values.min() >= 0


@pytest.mark.parametrize("factor", ["2x2", "2x5", "3x3"])
def test_bilinear_and_bicubic_are_those_of_scipy_on_a_raster(factor):
    counts, points = raster()
    parts = split_spots(find_lattice(points), parse_factor(factor))
    rows, columns = parts.factor.rows, parts.factor.columns
    for found, order in (
        (linear_weights(parts) @ counts.reshape(-1, 3), 1),
        (bicubic(parts, counts.reshape(-1, 3)), 3),
    ):
        expected = ndimage.zoom(
            counts, (rows, columns, 1), order=order, mode="nearest", grid_mode=True
        ).clip(0)
        blocks = expected.reshape(7, rows, 9, columns, 3).swapaxes(1, 2).reshape(-1, 3)
        np.testing.assert_allclose(found, blocks, atol=1e-9)


@pytest.mark.parametrize("make", [linear_weights, gaussian_weights])
@pytest.mark.parametrize("kind", ["square", "hexagon", "free"])
def test_weights_keep_a_constant_as_it_is_on_any_layout(make, kind):
    _, points = raster((10, 10))
    if kind == "hexagon":
        points = np.c_[points[:, 0] + 0.5 * (points[:, 1] % 2), points[:, 1] * np.sqrt(3) / 2]
    if kind == "free":
        points = np.random.default_rng(0).random((80, 2)) * 10
    lattice = find_lattice(points, 0.2 if kind == "free" else None)
    assert lattice.kind == kind
    parts = split_spots(lattice, parse_factor("2x2"))
    np.testing.assert_allclose(make(parts) @ np.ones(len(points)), 1.0, atol=1e-3)


def test_parts_at_the_end_of_a_slide_and_around_holes_are_known_by_their_coverage():
    _, points = raster((7, 9))
    hole = (points == [4, 3]).all(axis=1)
    parts = split_spots(find_lattice(points[~hole]), parse_factor("2x2"))
    covered = linear_coverage(parts).reshape(-1, 4)
    spot = {tuple(p): sorted(c.round(4)) for p, c in zip(points[~hole], covered, strict=True)}
    assert spot[1.0, 1.0] == [1, 1, 1, 1]
    assert spot[0.0, 0.0] == [0.5625, 0.75, 0.75, 1]
    assert spot[3.0, 3.0] == [0.8125, 0.8125, 1, 1]
    assert spot[3.0, 2.0] == [0.9375, 1, 1, 1]
    free = find_lattice(np.random.default_rng(0).random((80, 2)) * 10, 0.2)
    np.testing.assert_array_equal(linear_coverage(split_spots(free, parse_factor("2x2"))), 1)


def test_linear_weights_follow_a_slope_on_hexagons():
    _, points = raster((10, 10))
    points = np.c_[points[:, 0] + 0.5 * (points[:, 1] % 2), points[:, 1] * np.sqrt(3) / 2]
    parts = split_spots(find_lattice(points, 0.6), parse_factor("7"))
    found = (linear_weights(parts) @ points).reshape(len(points), 7, 2)
    inner = (points > 2).all(axis=1) & (points[:, 0] < 7) & (points[:, 1] < 6)
    expected = points[:, None] + parts.offsets
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-9)


def test_the_papers_forms_are_there_by_name_and_do_not_conserve():
    counts, points = raster()
    parts = split_spots(find_lattice(points), parse_factor("2x2"))
    flat = counts.reshape(-1, 3)
    for form, ratio in (("paper", 4.0), ("divided", 1.0)):
        method = fitted(Bilinear(InterpolationConfig(form=form)), flat, parts)
        assert not method.conserves
        total = method.split(np.arange(3), Reporter()).values.sum()
        assert total / flat.sum() == pytest.approx(ratio, rel=0.05)


@pytest.mark.realdata
def test_the_baselines_reach_the_published_figures_on_the_preoptic_area(realdata):
    from napari_spatialrecon.tissue.contract import counts as raw
    from napari_spatialrecon.tissue.read import read_adata

    cells = read_adata(realdata / "merfish_mpoa/merfish_mpoa.h5ad")
    genes = np.asarray(cells.var["counts_ok"], bool)
    matrix = raw(cells)[:, genes]
    places = np.asarray(cells.obsm["spatial"], float)[:, :2]
    rows = np.asarray(matrix.sum(axis=1)).ravel() >= 10
    matrix, places = matrix[rows], places[rows]
    pitch = np.sqrt(np.prod(np.ptp(places, axis=0)) * 2 / len(places))
    column, row = np.floor((places - places.min(axis=0)) / pitch).astype(int).T
    shape = ((row.max() + 1) // 2 * 2, (column.max() + 1) // 2 * 2)
    fine = np.zeros((*shape, genes.sum()))
    inside = (row < shape[0]) & (column < shape[1])
    np.add.at(fine, (row[inside], column[inside]), matrix[inside].toarray())
    coarse = fine.reshape(shape[0] // 2, 2, shape[1] // 2, 2, -1).sum(axis=(1, 3))
    y, x = np.nonzero(coarse.sum(axis=-1) > 0)
    parts = split_spots(find_lattice(np.c_[x, y].astype(float)), parse_factor("2x2"))
    truth = fine.reshape(shape[0] // 2, 2, shape[1] // 2, 2, -1).swapaxes(1, 2)[y, x]
    truth = truth.reshape(-1, genes.sum())
    for method, expected in ((Uniform, 0.5755), (Bilinear, 0.5743), (Gaussian, 0.5758)):
        block = fitted(method(), coarse[y, x], parts).split(np.arange(genes.sum()), Reporter())
        found = block.values.toarray()
        scores = [np.corrcoef(a, b)[0, 1] for a, b in zip(truth.T, found.T, strict=True) if a.any()]
        assert np.mean(scores) == pytest.approx(expected, abs=5e-4)
