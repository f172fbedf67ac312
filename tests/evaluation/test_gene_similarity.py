"""How alike genes are to one another, imputed beside measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.gene_metrics import (
    evaluate_genes,
    robustness,
    similarity_of_genes,
)
from napari_spatialrecon.evaluation.gene_similarity import GeneSimilarity, similarity_plot


def test_similarity_is_the_correlation_of_pairs_and_a_constant_gene_is_like_none():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(200, 5))
    truth[:, 1] = 0.5 * truth[:, 0] + truth[:, 1]
    guess = 3 * truth + 2
    guess[:, 4] = 7.0
    found = GeneSimilarity.of("abcde", truth, guess)
    np.testing.assert_allclose(found.measured, np.corrcoef(truth.T), atol=1e-12)
    np.testing.assert_allclose(found.imputed[:4, :4], found.measured[:4, :4], atol=1e-9)
    assert (found.imputed[4, :4] == 0).all() and found.imputed[4, 4] == 1
    assert 0.8 < found.agreement < 1


def test_maps_that_are_all_alike_have_an_excess_and_shuffled_names_no_agreement():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 12))
    truth = common + rng.normal(size=(300, 12))
    smooth = GeneSimilarity.of(range(12), truth, common)
    assert smooth.agreement > 0.8 and smooth.excess > 0.2
    mixed = GeneSimilarity.of(range(12), truth, truth[:, ::-1])
    assert abs(mixed.agreement) < 0.5 and abs(mixed.excess) < 1e-9
    assert np.isnan(GeneSimilarity.of("ab", truth[:, :2], truth[:, :2]).agreement)


def test_the_picture_orders_both_sides_by_the_measured_clusters():
    rng = np.random.default_rng(0)
    group = np.array([0, 1] * 5)
    truth = rng.normal(size=(100, 2))[:, group] + 0.3 * rng.normal(size=(100, 10))
    figure = similarity_plot(GeneSimilarity.of("abcdefghij", truth, truth[:, ::-1]))
    left, right = (ax.images[0].get_array() for ax in figure.axes[:2])
    assert left[:5, :5].min() > 0.5 and left[5:, 5:].min() > 0.5 and left[:5, 5:].max() < 0.5
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert {"abcdefghij".index(name) % 2 for name in names[:5]} in ({0}, {1})
    assert not np.allclose(left, right)


def test_evaluation_states_the_similarity_of_the_same_genes_and_spots():
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, size=(50, 6)).astype(np.float32)
    spots, genes = [f"s{i}" for i in range(50)], [f"Gene{i}" for i in range(6)]
    truth = AnnData(values, pd.DataFrame(index=spots), pd.DataFrame(index=genes))
    prediction = truth[::-1, ::-1].copy()
    found = similarity_of_genes(truth, prediction)
    np.testing.assert_allclose(found.imputed, found.measured, atol=1e-5)
    assert found.names == tuple(genes[::-1])
    report = evaluate_genes(truth, prediction)
    assert report["similarity"]["genes"] == 6
    assert report["similarity"]["agreement"] == pytest.approx(1)


def test_robustness_is_the_share_of_genes_found_by_all():
    tables = [
        pd.DataFrame({"pcc": [0.9, 0.6, 0.4, 0.7]}, list("abcd")),
        pd.DataFrame({"pcc": [0.2, 0.6, 0.8, 0.7]}, list("xbcd")),
    ]
    assert robustness(tables) == pytest.approx(2 / 3)
    assert robustness(tables, least=0.3) == 1
    with pytest.raises(InputError):
        robustness([tables[0].loc[["a"]], tables[1].loc[["x"]]])
