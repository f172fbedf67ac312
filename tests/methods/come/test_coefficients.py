"""The matrix C, whole and sparse: the same probabilities, products and gradients."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.come import memory
from napari_spatialrecon.methods.come.balance import balanced
from napari_spatialrecon.methods.come.coefficients import Coefficients, Start, cosine_start
from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.come.memory import mapping_size
from napari_spatialrecon.methods.come.readout import entropies, likeliest, read_out, spot_weights

N_CELLS, N_SPOTS = 12, 7
over = pytest.mark.parametrize("over", ["spots", "cells"])


def features():
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(n, 5, generator=generator) for n in (N_CELLS, N_SPOTS))


def pair(over):
    """A whole matrix, and a sparse one that keeps all its entries, in another order."""
    cells, spots = features()
    whole = cosine_start(cells, spots, over=over, temperature=0.1, kept=None)
    logits, columns = whole.logits.sort(dim=1, descending=True)
    return Coefficients(whole), Coefficients(Start(logits, columns, whole.n_columns, over))


@over
def test_rows_of_probabilities_sum_to_one(over):
    for c in pair(over):
        torch.testing.assert_close(c.probabilities().sum(dim=1), torch.ones(len(c.change)))


@over
def test_means_and_gradients_of_the_sparse_matrix_are_those_of_the_whole(over):
    results = []
    for c in pair(over):
        x = torch.rand(N_CELLS, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
        means = c.spot_means(c.probabilities(), x)
        (means**2).sum().backward()
        change = c.change.grad
        if c.start.columns is not None:
            change = torch.zeros_like(change).scatter(1, c.start.columns, change)
        results.append((means, x.grad, change))
    for whole, sparse in zip(*results, strict=True):
        torch.testing.assert_close(whole, sparse)


@over
def test_means_of_ones_are_ones(over):
    for c in pair(over):
        means = c.spot_means(c.probabilities(), torch.ones(N_CELLS, 1))
        torch.testing.assert_close(means, torch.ones(N_SPOTS, 1))


@over
def test_the_best_spot_of_a_cell_is_the_same_in_either_form(over):
    whole, sparse = (c.best_spots(c.probabilities()) for c in pair(over))
    assert whole.tolist() == sparse.tolist()


def test_a_cell_that_no_spot_keeps_has_no_best_spot():
    start = Start(torch.zeros(2, 1), torch.tensor([[0], [2]]), 3, "cells")
    c = Coefficients(start)
    assert c.best_spots(c.probabilities()).tolist() == [0, -1, 1]


@over
def test_the_weights_of_each_spot_sum_to_one(over):
    for c in pair(over):
        weights = spot_weights(c)
        assert weights.shape == (N_SPOTS, N_CELLS)
        torch.testing.assert_close(
            torch.as_tensor(weights.sum(axis=1)).flatten().float(), torch.ones(N_SPOTS)
        )


def test_full_balance_lets_all_spots_attract_alike():
    cells, spots = features()
    for kept in (None, N_SPOTS):
        start = cosine_start(cells, spots, over="spots", temperature=0.3, kept=kept)
        even = likeliest(Coefficients(balanced(start, 1.0)), N_SPOTS).sum(axis=0)
        uneven = likeliest(Coefficients(start), N_SPOTS).sum(axis=0)
        assert abs(even - N_CELLS / N_SPOTS).max() < 0.05 < abs(uneven - N_CELLS / N_SPOTS).max()


def test_full_balance_towards_cell_counts_lets_spots_attract_as_many_cells():
    cells, spots = features()
    start = cosine_start(cells, spots, over="spots", temperature=0.3, kept=None)
    counts = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0])
    attracted = likeliest(Coefficients(balanced(start, 1.0, counts)), N_SPOTS).sum(axis=0)
    assert abs(attracted - counts.numpy()).max() < 0.1


def test_a_readout_is_a_mean_the_likeliest_spot_or_one_of_the_spots():
    cells, spots = features()
    start = cosine_start(cells, spots, over="spots", temperature=0.3, kept=None)
    mapping = likeliest(Coefficients(start), 4)
    places = torch.rand(N_SPOTS, 2, generator=torch.Generator().manual_seed(2)).double().numpy()
    entropy = entropies(Coefficients(start))
    found = {r: read_out(mapping, places, r, 0, entropy) for r in ("expected", "argmax", "sampled")}
    assert (found["expected"].places == mapping @ places).all()
    assert (found["argmax"].places == places[mapping.toarray().argmax(axis=1)]).all()
    assert all((p == places).all(axis=1).any() for p in found["sampled"].places)
    assert (found["argmax"].variance >= found["expected"].variance).all()


def test_a_matrix_beyond_the_limit_is_sparse_and_that_is_said():
    config = ComePlaceConfig()
    assert mapping_size(3000, 300, 300, config).kept is None
    large = mapping_size(20_000, 5000, 300, config)
    assert large.kept == 256
    assert "only the 256 most likely spots of each cell are kept" in large.note
    assert large.total_bytes < 6e9


def test_a_matrix_that_does_not_fit_is_refused_with_its_size_and_the_low_memory_mode(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 1e8)
    config = ComePlaceConfig(dense_limit=1000)
    with pytest.raises(InputError, match=r"Expected 2\.9 GB of free memory") as error:
        mapping_size(20_000, 4000, 100, config)
    assert '"dense_limit": 0' in error.value.remedy
