"""What a slide and a query must be, and that everything wrong with them is said at once."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.read import read_adata


def slide(n: int = 12, genes: int = 8, seed: int = 0) -> AnnData:
    rng = np.random.default_rng(seed)
    adata = AnnData(sparse.csr_matrix(rng.poisson(3, (n, genes)).astype(np.float32) + 1))
    adata.obs_names = [f"spot{i}" for i in range(n)]
    adata.var_names = [f"Gene{i}" for i in range(genes)]
    adata.obsm["spatial"] = rng.normal(size=(n, 2))
    return adata


def problems(adata: AnnData, **options: object) -> str:
    with pytest.raises(ValidationError) as caught:
        prepare_slide(adata, "a.h5ad", **options)  # type: ignore[arg-type]
    assert all(p.where.startswith("a.h5ad") for p in caught.value.problems)
    return str(caught.value)


def with_points(points: object) -> AnnData:
    adata = slide()
    adata.obsm["spatial"] = points
    return adata


def test_a_good_slide_keeps_its_counts_names_and_places() -> None:
    adata = slide()
    prepared = prepare_slide(adata, "a.h5ad")
    assert prepared.adata.X.dtype == np.float32 and sparse.isspmatrix_csr(prepared.adata.X)
    assert (prepared.adata.X != adata.X).nnz == 0
    assert prepared.adata.obs_names.equals(adata.obs_names)
    np.testing.assert_array_equal(prepared.adata.obsm["spatial"], adata.obsm["spatial"])
    assert prepared.kept.all() and prepared.notes == ()


def test_an_input_is_never_changed() -> None:
    adata = slide()
    adata.X[0] = 0
    before = adata.copy()
    prepared = prepare_slide(adata, "a")
    prepared.adata.X.data[:] = 7
    prepared.adata.obsm["spatial"][:] = 7
    prepared.adata.obs["new"] = 1
    assert (adata.X != before.X).nnz == 0
    np.testing.assert_array_equal(adata.obsm["spatial"], before.obsm["spatial"])
    assert list(adata.obs) == list(before.obs)


def test_a_query_does_not_carry_the_places_it_may_have() -> None:
    assert "spatial" not in prepare_query(slide(), "cells").adata.obsm


def test_everything_wrong_is_listed_at_once() -> None:
    adata = slide()
    adata.X.data[0], adata.X.data[9] = np.nan, -1
    adata.obs_names = ["same"] * adata.n_obs
    adata.var_names = ["Gene0", "Gene0", *adata.var_names[2:]]
    del adata.obsm["spatial"]
    text = problems(adata)
    for part in ("NaN", "below zero", "'same'", "'Gene0'", 'obsm["spatial"]'):
        assert part in text
    assert len(text.splitlines()) == 5


def test_the_first_bad_value_is_named_by_cell_and_gene() -> None:
    adata = slide()
    adata.X[3, 5] = -2
    assert "cell 'spot3', gene 'Gene5'" in problems(adata)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (np.full((12, 2), 3.0), "(3, 3)"),
        (np.where(np.arange(24).reshape(12, 2) == 5, np.nan, 1.5), "cell 'spot2'"),
        (np.array([["1.0", "2.0"]] * 12), "text"),
        (np.array([["1.0", "2.0"]] * 12, dtype=object), "text"),
        (np.ones((12, 1)), "shape (12, 1)"),
        (np.zeros((12, 2), bool), "bool"),
    ],
    ids=["constant", "nan", "strings", "objects", "one column", "bool"],
)
def test_coordinates_that_are_no_places_are_refused(points: np.ndarray, said: str) -> None:
    assert said in problems(with_points(points))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_of_three_columns_the_remedy_names_the_two_to_keep(depth: int) -> None:
    points = np.random.default_rng(0).normal(size=(12, 3))
    points[:, depth] = np.repeat([0.0, 1.0, 2.0], 4)
    kept = [column for column in range(3) if column != depth]
    assert f'adata.obsm["spatial"][:, {kept}]' in problems(with_points(points))


def test_coordinates_in_a_table_are_read() -> None:
    adata = slide()
    table = pd.DataFrame(adata.obsm["spatial"], index=adata.obs_names, columns=["x", "y"])
    np.testing.assert_array_equal(contract.coordinates(with_points(table)), table.to_numpy())


def test_a_slide_of_two_spots_is_refused() -> None:
    assert "at least 4 spots, found 2" in problems(slide(2))


def test_a_slide_left_with_three_spots_is_refused() -> None:
    adata = slide(5)
    adata.X = sparse.csr_matrix(np.diag([0, 0, 3, 3, 3, 0, 0, 0])[:5])
    assert "with counts, found 3" in problems(adata)


def test_rows_without_counts_are_dropped_and_said() -> None:
    adata = slide()
    adata.X = sparse.csr_matrix(adata.X.toarray() * (np.arange(12) > 1)[:, None])
    adata.X[2] = sparse.csr_matrix(np.eye(8)[:1])
    prepared = prepare_slide(adata, "a")
    assert list(np.flatnonzero(~prepared.kept)) == [0, 1]
    assert prepared.notes == ("a: excluded 2 of 12 spots without counts.",)
    stricter = prepare_slide(adata, "a", min_counts=5)
    assert list(np.flatnonzero(~stricter.kept)) == [0, 1, 2]
    assert stricter.notes[1] == "a: excluded 1 of 12 spots under 5 counts."
    np.testing.assert_array_equal(
        stricter.adata.obsm["spatial"], adata.obsm["spatial"][stricter.kept]
    )


def test_a_layer_of_counts_is_read_before_x() -> None:
    adata = slide()
    adata.layers["counts"] = adata.X.copy()
    adata.X = adata.X.log1p()
    prepared = prepare_slide(adata, "a")
    assert (adata.layers["counts"] != prepared.adata.X).nnz == 0


def test_genes_whose_counts_are_not_trusted_are_dropped_from_the_layer_only() -> None:
    adata = slide()
    adata.var["counts_ok"] = [True] * 6 + [False] * 2
    assert prepare_slide(adata, "a").adata.n_vars == 8
    adata.layers["counts"] = adata.X.copy()
    prepared = prepare_slide(adata, "a")
    assert list(prepared.adata.var_names) == list(adata.var_names[:6])
    assert "2 of 8 genes" in prepared.notes[0]


def normalised(adata: AnnData) -> sparse.csr_matrix:
    totals = np.asarray(adata.X.sum(axis=1))
    return sparse.csr_matrix(adata.X.multiply(1e4 / totals))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.log1p(), "log1p of normalized counts"),
        (lambda x: x.log1p() / np.log(2), "log2(1 + x) of normalized counts"),
        (lambda x: x, "normalized counts without logarithm"),
        (lambda x: x.power(0.37), "neither counts nor normalized counts"),
    ],
)
def test_values_that_are_no_counts_are_told_for_what_they_are(change, said: str) -> None:
    adata = slide(60, 30)
    adata.X = sparse.csr_matrix(change(normalised(adata)))
    text = problems(adata)
    assert said in text and "no other slot" in text


def test_the_slots_that_may_hold_the_counts_are_the_remedy() -> None:
    adata = slide()
    counts = adata.X.copy()
    adata.X = normalised(adata).log1p()
    adata.layers["binary"] = (counts > 2).astype(int)
    adata.layers["umis"], adata.layers["others"] = counts, (counts * 2).toarray()
    assert 'layer="umis"' in problems(adata)
    del adata.layers["others"]
    assert (counts != prepare_slide(adata, "a").adata.X).nnz == 0
    adata.layers["counts"] = adata.X
    adata.raw = AnnData(counts, obs=adata.obs, var=adata.var)
    assert 'layer="raw"' in problems(adata)


def test_intensities_pass_where_counts_are_not_needed() -> None:
    adata = slide()
    adata.X = normalised(adata)
    assert prepare_slide(adata, "a", counts_needed=False).adata.n_obs == 12


@pytest.mark.parametrize("make", [np.asarray, sparse.csc_matrix, sparse.csr_array])
def test_dense_and_other_sparse_counts_are_read_alike(make) -> None:
    adata = slide()
    other = AnnData(make(adata.X.toarray()), obs=adata.obs, var=adata.var)
    assert (contract.counts(other) != adata.X).nnz == 0


def test_a_table_without_genes_or_counts_is_refused() -> None:
    assert "at least one gene" in problems(slide(genes=8)[:, :0].copy())
    empty = AnnData(obs=slide().obs, var=slide().var, obsm={"spatial": slide().obsm["spatial"]})
    assert "found neither" in problems(empty)


def visium(**scalefactors: object) -> AnnData:
    adata = slide()
    adata.uns["spatial"] = {"lib": {"scalefactors": scalefactors, "metadata": {}}}
    return adata


def test_unit_and_scale_come_from_the_surest_source() -> None:
    assert (contract.unit(slide()), contract.um_per_unit(slide())) == ("unit", None)
    adata = visium(spot_diameter_fullres=130.0)
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("px", 0.5)
    adata.uns["spatial"]["lib"]["scalefactors"]["microns_per_pixel"] = 0.4
    assert contract.um_per_unit(adata) == 0.4
    adata.uns["spatial"]["lib"]["metadata"]["um_per_fullres_px"] = 0.3
    assert contract.um_per_unit(adata) == 0.3
    adata.uns["spatialrecon"] = {"um_per_unit": 0.2}
    assert contract.um_per_unit(adata) == 0.2
    adata.uns["spatialrecon"] = {"unit": "µm"}
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("um", 1.0)


@pytest.mark.parametrize("size", [0, -1, np.nan, "big", [1, 2]])
def test_a_scale_that_is_no_positive_number_is_refused(size: object) -> None:
    assert "positive number" in problems(visium(spot_diameter_fullres=size))


def test_an_unknown_unit_is_refused() -> None:
    adata = slide()
    adata.uns["spatialrecon"] = {"unit": "inch"}
    with pytest.raises(InputError, match="inch"):
        contract.unit(adata)


def test_two_libraries_are_one_slide_only_if_obs_says_which() -> None:
    adata = visium(spot_diameter_fullres=130.0)
    adata.uns["spatial"]["other"] = {"scalefactors": {"spot_diameter_fullres": 65.0}}
    assert "one library per slide, found lib, other" in problems(adata)
    adata.obs["library_id"] = "other"
    assert contract.um_per_unit(adata) == 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=30), st.integers(1, 4))
def test_kept_rows_are_those_with_enough_counts(totals: list[int], least: int) -> None:
    totals = [*totals, 9, 9, 9, 9]
    adata = slide(len(totals), 2)
    adata.X = sparse.csr_matrix(np.array([totals, [0] * len(totals)]).T)
    prepared = prepare_slide(adata, "a", min_counts=least)
    assert list(prepared.kept) == [t > 0 and t >= least for t in totals]
    assert prepared.adata.n_obs == prepared.kept.sum()


#: Files that are not slides, and why.
_NO_SLIDES = {
    "atlas_bdtnp.h5ad": "whole numbers",
    "scrna_dropseq.h5ad": 'obsm["spatial"]',
    "scrna_mop.h5ad": 'obsm["spatial"]',
}


@pytest.mark.realdata
def test_every_real_table_passes_or_fails_for_a_stated_reason(realdata) -> None:
    files = sorted(realdata.glob("*/*.h5ad"))
    assert files
    for path in files:
        adata = read_adata(path)
        dissociated = 'obsm["spatial"]' if path.stem.endswith("_ref") else None
        if reason := _NO_SLIDES.get(path.name, dissociated):
            assert reason in problems_of(adata, path.name)
        else:
            prepared = prepare_slide(adata, path.name)
            assert prepared.adata.n_obs >= adata.n_obs - 1
        if path.name != "atlas_bdtnp.h5ad":
            assert prepare_query(adata, path.name).adata.n_vars > 50


def problems_of(adata: AnnData, name: str) -> str:
    with pytest.raises(ValidationError) as caught:
        prepare_slide(adata, name)
    return str(caught.value)


@pytest.mark.realdata
def test_logarithms_of_a_real_embryo_are_told(realdata) -> None:
    adata = anndata.read_h5ad(realdata / "seqfish_embryo2" / "seqfish_embryo2.h5ad")
    del adata.layers["counts"]
    assert "log2(1 + x)" in problems_of(adata, "embryo")


def test_a_table_whose_rows_share_one_place_can_be_drawn_but_is_no_slide() -> None:
    adata = slide()
    adata.obsm["spatial"] = np.full((12, 2), 7.0)
    np.testing.assert_array_equal(contract.coordinates(adata), adata.obsm["spatial"])
    assert "Expected different places" in problems(adata)
