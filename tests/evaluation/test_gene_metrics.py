"""Metrics of imputed genes."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.gene_metrics import (
    accuracy_scores,
    evaluate_genes,
    gene_metrics,
    reliability_diagram,
)


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    truth = rng.gamma(1.0, 1.0, (200, 3))
    return truth, truth + rng.normal(0, 0.3, truth.shape).clip(-0.2)


def test_a_perfect_map_is_perfect(maps):
    truth, _ = maps
    table = gene_metrics(truth, truth)
    np.testing.assert_allclose(table[["pcc", "ssim"]], 1.0)
    np.testing.assert_allclose(table[["rmse", "js", "js_divergence"]], 0.0, atol=1e-7)


def test_metrics_are_those_of_the_formulas(maps):
    truth, guess = maps
    table = gene_metrics(truth, guess)
    pcc = [np.corrcoef(truth[:, i], guess[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(table["pcc"], pcc)
    np.testing.assert_allclose(table["rmse"], np.sqrt(2 - 2 * np.array(pcc)))
    clipped = guess.clip(0)
    js = [jensenshannon(truth[:, i], clipped[:, i], base=2) for i in range(3)]
    np.testing.assert_allclose(table["js"], js)
    np.testing.assert_allclose(table["js_divergence"], np.square(js) * np.log(2))


def test_a_constant_map_counts_as_a_correlation_of_nought(maps):
    truth, guess = maps
    guess = guess.copy()
    guess[:, 1] = 0.7
    table = gene_metrics(truth, guess)
    assert table["pcc"][1] == 0
    assert table["pcc"].notna().all()


def test_maps_that_are_not_finite_are_refused(maps):
    truth, guess = maps
    with pytest.raises(InputError, match="finite"):
        gene_metrics(truth, guess * np.nan)


def test_measured_genes_are_not_judged_and_counts_become_logarithms():
    rng = np.random.default_rng(1)
    counts = rng.poisson(3.0, (60, 4)).astype(np.float32)
    truth = anndata.AnnData(counts, var=pd.DataFrame(index=list("abcd")))
    totals = counts.sum(axis=1, keepdims=True)
    logs = np.log1p(counts / totals * np.median(totals))
    prediction = anndata.AnnData(logs[:, :3], var=pd.DataFrame(index=list("abc")))
    prediction.var["origin"] = ["imputed", "measured", "imputed"]
    prediction.var["reliability"] = [0.9, np.nan, 0.4]
    report = evaluate_genes(truth, prediction)
    assert report["genes"] == {"compared": 2, "measured": 1, "without_truth": 0}
    assert set(report["per_gene"]) == {"a", "c"}
    assert report["mean"]["pcc"] == pytest.approx(1.0, abs=1e-5)
    assert len(report["reliability"]["bins"]) == 2


def test_the_accuracy_score_ranks_methods_and_needs_two(maps):
    truth, guess = maps
    good, bad = (gene_metrics(truth, x) for x in (guess, guess[::-1]))
    scores = accuracy_scores({"good": good, "bad": bad})
    assert scores == {"good": 1.0, "bad": 0.5}
    with pytest.raises(InputError, match="at least two"):
        accuracy_scores({"good": good})


def test_a_reliability_that_is_right_lies_on_the_diagonal():
    found = np.linspace(0, 1, 50)
    assert reliability_diagram(found, found)["error"] == 0
    assert reliability_diagram(np.full(50, 0.9), found)["error"] == pytest.approx(0.4, abs=0.01)
