"""SASA, the coarse pair and what is held out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast.config import SasaConfig
from napari_spatialrecon.methods.srast.corpus import rasterise, thin
from napari_spatialrecon.methods.srast.learning import regions_held_out
from napari_spatialrecon.methods.srast.sasa import (
    GraphVAE,
    LatentNorm,
    Sasa,
    SasaTask,
    dual_topology,
)
from napari_spatialrecon.methods.super_resolution.coarse_pair import coarsen
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.subspots import Factor


def slide(rows=8, columns=10, n_genes=20, seed=0):
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    points = np.c_[x.ravel(), y.ravel()].astype(float)
    rate = 1 + 4 * (points[:, :1] > columns / 2) * (np.arange(n_genes) % 2)
    counts = np.random.default_rng(seed).poisson(rate)
    return points, sparse.csr_matrix(counts.astype(np.float32))


def test_latent_norm_follows_the_mean_and_the_spread_of_what_passes():
    norm = LatentNorm(3)
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * 5 + 7
    for _ in range(80):
        norm(z)
    out = norm.eval()(z)
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(3), atol=0.02, rtol=0)
    torch.testing.assert_close(out.std(dim=0), torch.ones(3), atol=0.02, rtol=0)


def test_the_graph_joins_neighbours_in_space_and_in_expression():
    points, _ = slide()
    scores = np.random.default_rng(0).normal(size=(len(points), 5))
    edges = dual_topology(points, scores, 3, seed=0)
    away = np.linalg.norm(points[edges[0]] - points[edges[1]], axis=1)
    assert (away < 1.01).any() and (away > 3).any()
    assert (edges[0] != edges[1]).all()


def test_alignment_tells_two_tissues_apart_and_repeats_itself():
    points, counts = slide()
    config = SasaConfig().with_values({"hidden": 16, "latent": 6, "training.steps": 30})
    fits = [Sasa.fit(counts, points, config, Run()) for _ in range(2)]
    first, second = (fit.encode(counts, points) for fit in fits)
    np.testing.assert_array_equal(first, second)
    unit = first / np.linalg.norm(first, axis=1, keepdims=True)
    alike = unit @ unit.T
    right = points[:, 0] > 5
    assert alike[np.ix_(right, right)].mean() > alike[np.ix_(right, ~right)].mean() + 0.3


@pytest.mark.parametrize("errors", ["sum", "mean"])
def test_the_lower_bound_follows_equation_ten(errors):
    """Reconstruction and KL are sums over spots, here per spot; its code sums over genes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 9, generator=generator)
    edges = torch.stack([torch.arange(6), torch.arange(6).roll(1)])
    config = SasaConfig(hidden=8, latent=3, errors=errors, kl_weight=0.5)
    torch.manual_seed(0)
    vae = GraphVAE(9, config)
    total, _ = SasaTask(vae, x, edges, config).loss(0, torch.Generator().manual_seed(1))
    mean, log_variance = vae.encode(x, edges)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    again = GraphVAE(9, config)  # whose norm has seen nothing yet
    decoded = again.decoder(again.norm(mean + torch.exp(0.5 * log_variance) * noise))
    each = ((x - decoded) ** 2).sum() / (6 if errors == "sum" else 6 * 9)
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum() / 6
    torch.testing.assert_close(total, each + 0.5 * kl)


def test_a_coarse_pair_sums_whole_blocks_and_keeps_its_parts():
    points, counts = slide(7, 9)
    pair = coarsen(find_lattice(points), counts, Factor(2, 2), (1, 0))
    assert pair.counts.shape[0] == 3 * 4
    parts = pair.truth.toarray().reshape(12, 4, -1)
    np.testing.assert_array_equal(parts.sum(axis=1), pair.counts.toarray())
    places = points[pair.members.ravel()]
    np.testing.assert_allclose(places, pair.parts.centres, atol=1e-9)


def test_round_spots_are_summed_only_where_all_are_there():
    points, counts = slide(8, 10)
    kept = np.arange(80) != 33
    lattice = find_lattice(points[kept], 0.6)
    assert coarsen(lattice, counts[kept], Factor(2, 2)).counts.shape[0] == 19
    bins = find_lattice(points[kept])
    assert coarsen(bins, counts[kept], Factor(2, 2)).counts.shape[0] == 20


def test_bins_that_are_not_listed_are_empty_parts_of_their_block():
    points, counts = slide(8, 10)
    gone = (points[:, None] == [[2, 2], [3, 2], [2, 3]]).all(axis=-1).any(axis=1)
    pair = coarsen(find_lattice(points[~gone]), counts[~gone], Factor(2, 2))
    there = pair.members >= 0
    assert there.sum(axis=1).tolist().count(1) == 1 and there.sum() == 77
    np.testing.assert_array_equal(pair.truth.toarray()[~there.ravel()], 0)
    assert pair.counts.sum() == counts[~gone].sum()


def test_a_slide_too_small_for_blocks_has_no_coarse_pair():
    points, counts = slide(3, 4)
    assert coarsen(find_lattice(points), counts, Factor(2, 2)) is None


def test_cells_are_summed_in_bins_without_losing_any():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(1.0, (300, 5)).astype(np.float32))
    lattice, bins = rasterise(rng.random((300, 2)), counts, 2.0, rng)
    assert bins.sum() == counts.sum()
    assert len(lattice.index) == bins.shape[0] < 300


def test_thinning_keeps_whole_counts_and_about_the_share():
    counts = sparse.csr_matrix(np.full((50, 20), 10, np.float32))
    thinned = thin(counts, 0.3, np.random.default_rng(0))
    assert (thinned.data == np.rint(thinned.data)).all()
    assert abs(thinned.sum() / counts.sum() - 0.3) < 0.02


def test_held_out_regions_are_whole():
    points, _ = slide(24, 24)
    hidden = regions_held_out(points, 1.0, seed=3)
    region = np.floor(points / 3).astype(int) @ [1, 100]
    assert all(len(set(hidden[region == r])) == 1 for r in np.unique(region))
    assert 0 < hidden.mean() < 0.6
