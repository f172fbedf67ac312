"""Comparing mixtures, imputed genes and parts of spots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse
from scipy.spatial.distance import jensenshannon

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError

N = 40


def spots(n_genes: int = 6, seed: int = 0) -> AnnData:
    rng = np.random.default_rng(seed)
    adata = AnnData(
        rng.random((N, n_genes)).astype(np.float32),
        obs=pd.DataFrame(index=[f"spot{i}" for i in range(N)]),
        var=pd.DataFrame(index=[f"GENE{i}" for i in range(n_genes)]),
    )
    adata.obsm["spatial"] = np.random.default_rng(9).random((N, 2)) * 1000
    adata.uns["spatialrecon"] = {"unit": "um", "um_per_unit": 1.0}
    return adata


def mixture(shares: np.ndarray, types: list[str]) -> AnnData:
    adata = spots()
    columns = [name.replace("/", "_") for name in types]
    adata.obsm["proportions"] = pd.DataFrame(shares, adata.obs_names, columns)
    adata.uns["spatialrecon"]["types"] = np.array(types)
    return adata


def imputed(seed: int = 0) -> AnnData:
    adata = spots(seed=seed)
    adata.var["origin"] = ["measured", *["imputed"] * 5]
    return adata


def parts(values: np.ndarray, factor: str = "2x2") -> AnnData:
    names = [f"spot{i // 4}-{i % 4 + 1}" for i in range(len(values))]
    obs = pd.DataFrame({"parent": [n.partition("-")[0] for n in names]}, index=names)
    adata = AnnData(sparse.csr_matrix(values.astype(np.float32)), obs=obs)
    adata.obsm["spatial"] = np.random.default_rng(9).random((len(values), 2)) * 1000
    adata.uns["spatialrecon"] = {"unit": "um", "um_per_unit": 1.0, "factor": factor}
    return adata


def test_mixtures_differ_by_the_jensen_shannon_distance_of_each_spot() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.dirichlet([1.0, 1.0, 1.0], N) for _ in range(2))
    found = sr.compare_values(mixture(one, ["A/x", "B", "C"]), mixture(other, ["A/x", "B", "C"]))
    expected = [jensenshannon(a, b, base=2) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(found.amount, expected)
    assert found.names == ("A/x", "B", "C") and not found.notes
    assert found.agreement["B"] == pytest.approx(np.corrcoef(one[:, 1], other[:, 1])[0, 1])
    assert f"JSD of median {np.median(expected):.2g}" in found.summary
    assert found.least_agreed in found.maps


def test_spots_and_types_are_matched_by_name_and_unknown_types_are_said() -> None:
    shares = np.random.default_rng(0).dirichlet([1.0, 1.0], N)
    first = mixture(shares, ["A", "B"])
    second = mixture(np.column_stack([shares[:, ::-1], np.zeros(N)]), ["B", "A", "D"])
    second = second[np.random.default_rng(1).permutation(N)[:30]].copy()
    found = sr.compare_values(first, second, names=("kNN", "COME"))
    np.testing.assert_allclose(found.amount, 0, atol=1e-7)
    assert len(found.obs_names) == 30 and found.only_first == 10
    assert found.notes == ("kNN does not know D, whose share counts as 0.",)
    assert np.isnan(found.column(first)).sum() == 10


def test_imputed_genes_differ_by_log_expression_and_measured_ones_are_left_out() -> None:
    first, second = imputed(0), imputed(1)
    found = sr.compare_values(first, second)
    assert found.names == tuple(f"GENE{i}" for i in range(1, 6))
    apart = (first.X[:, 1:] - second.X[:, 1:]) ** 2
    np.testing.assert_allclose(found.amount, np.sqrt(apart.mean(axis=1)), rtol=1e-5)
    one, other = found.of("GENE3")
    np.testing.assert_allclose(one, first.X[:, 3])
    np.testing.assert_allclose(other, second.X[:, 3])
    assert found.title("kNN") == "difference from kNN, log expression"


def test_parts_differ_by_the_share_of_their_counts_that_lies_elsewhere() -> None:
    values = np.tile([[4.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]], (3, 1))
    moved = np.tile([[2.0, 0.0], [0.0, 2.0], [0.0, 3.0], [0.0, 0.0]], (3, 1))
    found = sr.compare_values(parts(values), parts(moved))
    np.testing.assert_allclose(found.amount[:4], [2 / 6, 0, 3 / 5, 0])


def test_many_genes_are_compared_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    tables = [parts(rng.poisson(1.0, (20, 30)).astype(float)) for _ in range(2)]
    whole = sr.compare_values(*tables)
    amount, agreement = whole.amount, whole.agreement
    monkeypatch.setattr("napari_spatialrecon.tasks.value_comparison._BLOCK", 7)
    again = sr.compare_values(*tables)
    np.testing.assert_allclose(again.amount, amount)
    np.testing.assert_allclose(again.agreement, agreement)


def test_what_cannot_be_compared_says_why() -> None:
    shares = np.full((N, 2), 0.5)
    with pytest.raises(InputError, match="found deconvolve and impute-genes"):
        sr.compare_values(mixture(shares, ["A", "B"]), imputed())
    with pytest.raises(InputError, match="found neither and neither"):
        sr.compare_values(spots(), spots())
    values = np.ones((8, 2))
    with pytest.raises(InputError, match="2x2 in kNN and 3x3 in COME"):
        sr.compare_values(parts(values), parts(values, "3x3"), names=("kNN", "COME"))
    other = imputed()
    other.var_names = [f"OTHER{i}" for i in range(other.n_vars)]
    with pytest.raises(InputError, match="both hold, found none"):
        sr.compare_values(imputed(), other)


def test_spots_of_one_name_on_two_slides_are_noted() -> None:
    shares = np.full((N, 2), 0.5)
    first, second = mixture(shares, ["A", "B"]), mixture(shares, ["A", "B"])
    second.obsm["spatial"] = second.obsm["spatial"] + 300
    (note,) = sr.compare_values(first, second).notes
    assert "different slides" in note
