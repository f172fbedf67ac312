"""The losses of section 3.4."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.gears import losses


@pytest.fixture
def sets() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(3, 12, 4, generator=generator, dtype=torch.float64)
    wanted = torch.randn(3, 12, 4, generator=generator, dtype=torch.float64)
    return found - found.mean(1, keepdim=True), wanted - wanted.mean(1, keepdim=True)


def turn(values: torch.Tensor) -> torch.Tensor:
    q, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    return values @ q


INVARIANT = {
    "gram": losses.gram_error,
    "log trace": losses.log_trace_error,
    "distance": losses.distance_error,
    "nca": lambda a, b: losses.neighbourhood_components(a, b, 4, 0.5),
    "edge": lambda a, b: losses.edge_lengths(a, b, 4),
    "overlap shape": losses.overlap_shape,
    "overlap neighbors": lambda a, b: losses.overlap_neighbours(a, b, 0.5),
}


@pytest.mark.parametrize("name", INVARIANT)
def test_turning_the_geometry_changes_no_loss(name: str, sets) -> None:
    found, wanted = sets
    loss = INVARIANT[name]
    torch.testing.assert_close(loss(turn(found), turn(wanted)), loss(found, wanted))


@pytest.mark.parametrize("name", [n for n in INVARIANT if n != "nca"])
def test_a_perfect_geometry_costs_nothing_and_a_wrong_one_does(name: str, sets) -> None:
    found, wanted = sets
    loss = INVARIANT[name]
    assert float(loss(turn(wanted), wanted).abs().max()) < 1e-9
    assert float(loss(found, wanted).mean()) > 1e-4


def test_the_gram_loss_is_equation_5(sets) -> None:
    found, wanted = sets
    a, b = found[0].numpy(), wanted[0].numpy()
    by_hand = ((a @ a.T - b @ b.T) ** 2).sum() / ((b @ b.T) ** 2).sum()
    assert float(losses.gram_error(found, wanted)[0]) == pytest.approx(by_hand)


def test_the_scale_loss_is_equation_6(sets) -> None:
    found, wanted = sets
    sizes = [np.trace(x[0].numpy() @ x[0].numpy().T) for x in sets]
    by_hand = (np.log(sizes[0]) - np.log(sizes[1])) ** 2
    assert float(losses.log_trace_error(found, wanted)[0]) == pytest.approx(by_hand)


def test_the_overlap_loss_is_equation_10(sets) -> None:
    grams = [x[0].numpy() @ x[0].numpy().T for x in sets]
    first, second = (gram / np.trace(gram) for gram in grams)
    by_hand = ((first - second) ** 2).sum()
    assert float(losses.overlap_shape(*sets)[0]) == pytest.approx(by_hand)


def test_the_nca_loss_is_equation_7(sets) -> None:
    found, wanted = sets
    a, b = found[0].numpy(), wanted[0].numpy()
    squares = ((a[:, None] - a[None]) ** 2).sum(-1)
    true = ((b[:, None] - b[None]) ** 2).sum(-1)
    np.fill_diagonal(true, np.inf)
    weights = np.exp(-squares / 0.5)
    np.fill_diagonal(weights, 0)
    near = np.argsort(true, axis=1)[:, :4]
    inside = np.take_along_axis(weights, near, axis=1).sum(1)
    by_hand = -np.log(inside / weights.sum(1)).mean()
    loss = losses.neighbourhood_components(found[:1], wanted[:1], 4, 0.5)
    assert float(loss) == pytest.approx(by_hand)


def test_alignment_undoes_a_turn(sets) -> None:
    _, wanted = sets
    turned = turn(wanted)
    torch.testing.assert_close(losses.align(turned, wanted), wanted)


def test_the_score_weighs_by_noise() -> None:
    clean, off = torch.zeros(2, 5, 3), torch.ones(2, 5, 3)
    sigma = torch.tensor([0.1, 1.0])
    weights = (sigma**2 + 0.25) / (sigma * 0.5) ** 2
    assert float(losses.score(off, clean, sigma, 0.5)) == pytest.approx(float(weights.mean()))
