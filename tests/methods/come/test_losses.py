"""COME's terms against their equations, written out anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.come import losses
from napari_spatialrecon.nn.similarity import structural_dissimilarity


@pytest.fixture
def latents():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 4, generator=generator), torch.randn(5, 4, generator=generator)


def f(a, b, tau):
    return np.exp(a @ b / np.linalg.norm(a) / np.linalg.norm(b) / tau)


def test_reconstruction_is_the_sum_of_two_mean_squares():
    ones, zeros = torch.ones(3, 2), torch.zeros(4, 2)
    assert losses.reconstruction(ones, ones - 1, zeros, zeros + 2) == 1 + 4


def test_the_coefficient_term_adds_the_ridge():
    ones = torch.ones(3, 2)
    assert losses.coefficient(ones, ones, torch.full((2, 2), 3.0), ridge=0.5) == 4.5


def test_equal_matrices_are_structurally_similar_and_shuffled_ones_are_not():
    measured = torch.rand(30, 20, generator=torch.Generator().manual_seed(0))
    assert float(structural_dissimilarity(measured, measured)) == pytest.approx(0, abs=1e-6)
    assert structural_dissimilarity(measured, measured.flip(0)) > 0.5


def test_structural_similarity_follows_equation_six():
    a = torch.tensor([[0.0, 1.0], [0.5, 0.2]])
    b = torch.tensor([[0.1, 0.7], [0.4, 0.4]])
    m, n = a.mean(), b.mean()
    covariance = ((a - m) * (b - n)).mean()
    top = (2 * m * n + 0.01) * (2 * covariance + 0.03)
    below = (m**2 + n**2 + 0.01) * (a.var(unbiased=False) + b.var(unbiased=False) + 0.03)
    expected = float(1 - top / below)
    assert float(structural_dissimilarity(a, b)) == pytest.approx(expected)


@pytest.mark.parametrize("block", [2, 100])
def test_the_cell_type_contrast_follows_equation_eight_however_it_is_blocked(latents, block):
    cells, labels = latents[0], torch.tensor([0, 0, 1, 1, 2, -1, 0])
    known = [i for i in range(7) if labels[i] >= 0]
    terms = []
    for i in known:
        pairs = {j: f(cells[i].numpy(), cells[j].numpy(), 0.8) for j in known}
        same = sum(v for j, v in pairs.items() if labels[i] == labels[j])
        other = sum(v for j, v in pairs.items() if labels[i] != labels[j])
        terms.append(np.log(same / other))
    found = losses.cell_type_contrast(cells, labels, 0.8, block)
    assert float(found) == pytest.approx(-np.mean(terms), rel=1e-5)


@pytest.mark.parametrize("block", [2, 100])
def test_the_cross_contrast_follows_equation_nine_however_it_is_blocked(latents, block):
    cells, spots = latents
    matched = torch.tensor([0, 4, 2, -1, 1, 3, 3])
    terms = []
    for i, best in enumerate(matched.tolist()):
        if best >= 0:
            values = [f(cells[i].numpy(), spot.numpy(), 0.8) for spot in spots]
            terms.append(np.log(values[best] / (sum(values) - values[best])))
    found = losses.cross_contrast(cells, spots, matched, 0.8, block)
    assert float(found) == pytest.approx(-np.mean(terms), rel=1e-5)


def test_one_label_gives_no_contrast_rather_than_infinity(latents):
    assert losses.cell_type_contrast(latents[0], torch.zeros(7, dtype=torch.long), 0.8) == 0
    assert losses.cell_type_contrast(latents[0], torch.full((7,), -1), 0.8) == 0


def test_the_cosine_distance_does_not_see_scale():
    measured = torch.rand(6, 3)
    scaled = measured * torch.tensor([1.0, 5.0, 0.2])
    assert float(losses.cosine_distance(measured, scaled, dim=0)) == pytest.approx(0, abs=1e-6)
    assert losses.cosine_distance(measured, scaled, dim=1) > 0.01
