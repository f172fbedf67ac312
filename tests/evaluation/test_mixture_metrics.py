"""Metrics of mixtures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.mixture_metrics import (
    evaluate_mixtures,
    marker_agreement,
    mixture_metrics,
    proportions_of,
)


@pytest.fixture
def shares():
    return np.random.default_rng(0).dirichlet(np.ones(4), 20)


def table(values, names="abcd"):
    adata = AnnData(np.ones((len(values), 2), np.float32))
    adata.obs_names = [f"spot{i}" for i in range(len(values))]
    adata.obsm["proportions"] = pd.DataFrame(values, adata.obs_names, list(names))
    return adata


def test_the_truth_is_perfect(shares):
    found = mixture_metrics(shares, shares)
    assert found == pytest.approx(
        {"pcc": 1, "ssim": 1, "rmse": 0, "jsd": 0, "jsd_divergence": 0, "pcc_type": 1}
    )


def test_wrong_types_altogether_have_a_divergence_of_one_bit():
    true, guess = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    found = mixture_metrics(true, guess)
    assert found["jsd"] == pytest.approx(1)
    assert found["jsd_divergence"] == pytest.approx(np.log(2))
    assert found["pcc"] == pytest.approx(-1)


def test_a_constant_mixture_correlates_with_nothing_and_counts(shares):
    assert mixture_metrics(shares, np.full((20, 4), 0.25))["pcc"] == 0


def test_spots_and_types_are_matched_by_name(shares):
    truth = table(shares)
    shuffled = table(shares[::-1, ::-1], "dcba")
    shuffled.obs_names = truth.obs_names[::-1]
    shuffled.obsm["proportions"].index = shuffled.obs_names
    assert evaluate_mixtures(truth, shuffled)["mean"]["rmse"] == pytest.approx(0)


def test_types_of_a_file_are_named_as_in_the_reference(shares):
    types = ["L2/3 IT", "L6 CT", "Sst", "Vip"]
    truth, made = table(shares, types), table(shares, [name.replace("/", "_") for name in types])
    made.uns["spatialrecon"] = {"types": np.array(types, dtype=object)}
    assert list(proportions_of(made, "result").columns) == types
    found = evaluate_mixtures(truth, made)
    assert list(found["per_type"]) == types
    assert found["mean"]["rmse"] == pytest.approx(0)
    del made.uns["spatialrecon"]  # as other tools write it
    assert evaluate_mixtures(truth, made)["mean"]["rmse"] == pytest.approx(0)


def test_two_types_that_differ_by_a_slash_only_stay_two(shares):
    types = ["a/b", "a_b", "c", "d"]
    truth, made = table(shares, types), table(shares, ["a_b", "a_b_", "c", "d"])
    made.uns["spatialrecon"] = {"types": types}
    found = evaluate_mixtures(truth, made)
    assert found["types"] == 4 and found["mean"]["rmse"] == pytest.approx(0)


def test_a_table_without_proportions_is_refused(shares):
    with pytest.raises(InputError, match="Expected a DataFrame of proportions"):
        evaluate_mixtures(table(shares), AnnData(np.ones((20, 2), np.float32)))


def test_other_spots_are_refused(shares):
    other = table(shares)
    other.obs_names = [f"x{i}" for i in range(20)]
    with pytest.raises(InputError, match="Expected spots of the truth"):
        evaluate_mixtures(table(shares), other)


def test_maps_that_follow_their_markers_agree_with_them():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 40)
    profiles = np.kron(np.eye(3), np.ones(4)) * 50 + 1
    slide = AnnData((shares @ profiles).round().astype(np.float32))
    cells = AnnData(np.repeat(profiles, 5, axis=0).astype(np.float32))
    cells.obs["type"] = np.repeat(["a", "b", "c"], 5)
    found = marker_agreement(slide, pd.DataFrame(shares, columns=["a", "b", "c"]), cells, "type")
    assert min(found.values()) > 0.95
