"""The H&E guides a split only where it is right, and never changes a sum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, sparse

from napari_spatialrecon.methods.super_resolution.base import SplitBlock
from napari_spatialrecon.methods.super_resolution.histology_guide import fit_guide
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.nuclear_density import NuclearDensity
from napari_spatialrecon.tissue.subspots import parse_factor, split_spots

SIDE, PIXELS = 20, 10


@pytest.fixture(scope="module")
def tissue():
    """Stain at a tenth of a spot, and spots whose counts follow it."""
    rng = np.random.default_rng(0)
    rough = ndimage.gaussian_filter(rng.random((SIDE * PIXELS,) * 2), 3)
    stain = ((rough - rough.min()) / np.ptp(rough)).astype(np.float32) ** 2
    density = NuclearDensity(stain, 1 / PIXELS)
    blocks = stain.reshape(SIDE, PIXELS, SIDE, PIXELS).mean(axis=(1, 3))
    counts = rng.poisson(400 * blocks.ravel()[:, None] * [1.0, 0.5, 0.2]).astype(np.float32)
    y, x = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    points = np.c_[x.ravel(), y.ravel()] + 0.5 - 0.5 / PIXELS
    return (
        density,
        sparse.csr_matrix(counts),
        split_spots(find_lattice(points), parse_factor("2x2")),
    )


def test_a_registered_image_is_used_and_finds_the_true_parts(tissue):
    density, counts, parts = tissue
    guide = fit_guide(counts, parts, density.at)
    assert guide.exponent > 0.5 and guide.gain > 0.1
    truth = density.at(parts.centres, parts.size).reshape(-1, 4)
    truth = truth / truth.sum(axis=1, keepdims=True)
    shares = np.exp(guide.logits)
    shares /= shares.sum(axis=1, keepdims=True)
    assert ((shares - truth) ** 2).sum() < 0.5 * ((0.25 - truth) ** 2).sum()


def test_the_guided_block_has_the_sums_of_the_block(tissue):
    density, counts, parts = tissue
    guide = fit_guide(counts, parts, density.at)
    even = sparse.csr_matrix(np.repeat(counts.toarray() / 4, 4, axis=0))
    guided = guide.guided(SplitBlock(np.arange(3), even)).values.toarray()
    np.testing.assert_allclose(
        guided.reshape(-1, 4, 3).sum(axis=1), counts.toarray(), rtol=1e-12, atol=1e-12
    )


def test_the_spread_of_a_part_is_weighted_as_its_counts_are(tissue):
    density, counts, parts = tissue
    guide = fit_guide(counts, parts, density.at)
    even = sparse.csr_matrix(np.repeat(counts.toarray() / 4, 4, axis=0))
    guided = guide.guided(SplitBlock(np.arange(3), even, 0.1 * even))
    assert guided.spread is not None and abs(guided.values - even).max() > 1
    np.testing.assert_allclose(guided.spread.toarray(), 0.1 * guided.values.toarray(), rtol=1e-6)


@pytest.mark.parametrize("move", [(0.5, 0.0), (0.0, -0.5)])
def test_an_image_shifted_by_half_a_spot_is_not_used(tissue, move):
    density, counts, parts = tissue
    guide = fit_guide(counts, parts, lambda places, size: density.at(places + move, size))
    assert guide.exponent == 0 and not guide.logits.any()
    assert "shifted" in guide.note


def test_noise_is_not_used(tissue):
    _, counts, parts = tissue
    noise = np.random.default_rng(5).random((SIDE * PIXELS,) * 2).astype(np.float32)
    guide = fit_guide(counts, parts, NuclearDensity(noise, 1 / PIXELS).at)
    assert guide.exponent == 0
