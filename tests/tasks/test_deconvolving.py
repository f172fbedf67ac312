"""Deconvolution: proportions of known mixtures, and what is said of bad input."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError, Stopped, ValidationError
from napari_spatialrecon.evaluation.mixture_metrics import mixture_metrics
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.mixtures.config import RegressionConfig
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.known_shares import read_shares

TYPES = ("L2/3 IT", "L6", "Astro")
FAST = ComeMixturesConfig(steps=30)


@pytest.fixture(scope="module")
def mixed():
    """Spots mixed of cells of three types, the cells of another draw, and the true shares."""
    rng = np.random.default_rng(0)
    profiles = rng.dirichlet(np.full(40, 0.5), 3) * 200
    codes = np.repeat([0, 1, 2], 30)
    cells = AnnData(rng.poisson(profiles[codes]).astype(np.float32))
    cells.obs["type"] = [TYPES[c] for c in codes]
    cells.obs_names = [f"cell{i}" for i in range(90)]
    inside = rng.multinomial(6, (0.5, 0.3, 0.2), 25)
    slide = AnnData(rng.poisson(inside @ profiles).astype(np.float32))
    slide.obs_names = [f"spot{i}" for i in range(25)]
    slide.obsm["spatial"] = np.c_[np.arange(25) % 5, np.arange(25) // 5].astype(float)
    for table in (cells, slide):
        table.var_names = [f"Gene{i}" for i in range(40)]
    return slide, cells, inside / 6


def order(result):
    return result.proportions[["L2/3 IT", "L6", "Astro"]].to_numpy()


@pytest.mark.parametrize(
    ("method", "config"),
    [
        ("come", FAST),
        ("come", FAST.with_values({"prior": "squares"})),
        ("nnls", None),
        ("nnls", RegressionConfig(loss="counts")),
        ("knn", None),
    ],
)
def test_every_method_finds_the_mixtures_in_rows_that_sum_to_one(mixed, method, config):
    slide, cells, truth = mixed
    result = deconvolve(slide, cells, "type", method=method, config=config)
    np.testing.assert_allclose(result.proportions.sum(axis=1), 1)
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.8
    assert "proportions" not in slide.obsm


def test_the_result_can_be_written_and_read_with_names_that_hold_a_slash(mixed, tmp_path):
    slide, cells, _ = mixed
    result = deconvolve(slide, cells, "type", config=FAST)
    assert list(result.proportions.columns) == ["Astro", "L2/3 IT", "L6"]
    path, record = result.write(tmp_path / "mix.h5ad")
    back = anndata.read_h5ad(path)
    assert list(back.obsm["proportions"].columns) == ["Astro", "L2_3 IT", "L6"]
    assert list(back.uns["spatialrecon"]["types"]) == ["Astro", "L2/3 IT", "L6"]
    assert back.obsm["mapping"].shape == (25, 90)
    np.testing.assert_allclose(back.obsm["mapping"].sum(axis=1), 1, rtol=1e-6)
    assert record.is_file()


def test_the_sparse_mapping_finds_the_same_mixtures(mixed):
    slide, cells, truth = mixed
    config = FAST.with_values({"dense_limit": 0, "kept": 60})
    result = deconvolve(slide, cells, "type", config=config)
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.8
    assert any("most likely cells of each spot are kept" in n for n in result.notes)


def test_the_published_objective_with_every_term_finds_the_mixtures_too(mixed):
    slide, cells, truth = mixed
    config = ComeMixturesConfig.preset("paper").with_values({"pretraining.steps": 5, "steps": 3})
    result = deconvolve(slide, cells, "type", config=config)
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.6


def test_shares_are_of_cells_though_some_hold_more_rna(mixed):
    slide, cells, truth = mixed
    rich = cells.copy()
    rich.X[(cells.obs["type"] == "L6").to_numpy()] *= 4
    profiles = np.stack([rich.X[rich.obs["type"] == t].mean(axis=0) for t in TYPES])
    spots = slide.copy()
    spots.X = np.random.default_rng(1).poisson(6 * truth @ profiles).astype(np.float32)
    found = order(deconvolve(spots, rich, "type", method="nnls"))
    counted = order(
        deconvolve(spots, rich, "type", method="nnls", config=RegressionConfig(sizes=False))
    )
    assert np.abs(found - truth).mean() < 0.1 < np.abs(counted - truth).mean()


def test_the_likelihood_of_counts_is_nearer_to_the_truth_than_least_squares(mixed):
    slide, cells, truth = mixed
    thin = slide.copy()
    thin.X = np.random.default_rng(2).binomial(slide.X.astype(int), 0.03).astype(np.float32)
    errors = [
        np.abs(order(deconvolve(thin, cells, "type", method="nnls", config=c)) - truth).mean()
        for c in (RegressionConfig(loss="counts"), RegressionConfig())
    ]
    assert errors[0] < errors[1]


def test_shares_of_cells_are_shares_of_counts_over_the_counts_of_a_cell(mixed):
    slide, cells, _ = mixed
    config = FAST.with_values({"prior": "none"})
    found = deconvolve(slide, cells, "type", config=config)
    counted = deconvolve(slide, cells, "type", config=config.with_values({"sizes": False}))
    each = cells.to_df().sum(axis=1).groupby(cells.obs["type"].to_numpy()).mean()
    expected = counted.proportions / each
    expected = expected.div(expected.sum(axis=1), axis=0)
    np.testing.assert_allclose(found.proportions, expected[found.proportions.columns], rtol=1e-5)


def test_without_any_term_the_mapping_stays_as_it_starts(mixed):
    slide, cells, _ = mixed
    none = {f"weights.{name}": 0.0 for name in ("gene_cosine", "spot_cosine", "anchor")}
    unmoved = FAST.with_values({"rate": 0.0})
    results = [
        deconvolve(slide, cells, "type", config=c) for c in (FAST.with_values(none), unmoved)
    ]
    np.testing.assert_allclose(*(r.proportions.to_numpy() for r in results), rtol=1e-5)


def test_known_shares_draw_the_result_to_them(mixed):
    slide, cells, truth = mixed
    prior = pd.DataFrame(truth, slide.obs_names, list(TYPES))
    config = FAST.with_values({"prior": "none"})
    alone = deconvolve(slide, cells, "type", config=config)
    helped = deconvolve(slide, cells, "type", config=config, prior=prior)
    jsd = [mixture_metrics(truth, order(r))["jsd"] for r in (alone, helped)]
    assert jsd[1] < jsd[0]
    counted = deconvolve(slide, cells, "type", config=config, prior=(prior * 6).round())
    np.testing.assert_allclose(counted.proportions, helped.proportions, atol=1e-6)


def test_shares_of_other_types_or_above_one_are_refused(mixed, tmp_path):
    slide, cells, truth = mixed
    wrong = pd.DataFrame(truth, slide.obs_names, ["a", "b", "c"])
    with pytest.raises(InputError, match="found none that match"):
        deconvolve(slide, cells, "type", prior=wrong)
    with pytest.raises(InputError, match="sum to 1 at most"):
        deconvolve(slide, cells, "type", prior=wrong.set_axis(TYPES, axis=1) * 1.5)
    with pytest.raises(InputError, match="Expected a method that takes known shares"):
        good = wrong.set_axis(TYPES, axis=1)
        deconvolve(slide, cells, "type", method="nnls", prior=good)
    with pytest.raises(InputError, match="Expected a CSV of shares"):
        read_shares(tmp_path / "none.csv")


def test_a_column_that_is_not_there_is_refused_with_those_that_are(mixed):
    slide, cells, _ = mixed
    with pytest.raises(InputError, match=r"Expected a column 'cluster'.*found columns type"):
        deconvolve(slide, cells, "cluster")


def test_one_label_gives_all_spots_that_type_and_says_so(mixed):
    slide, cells, _ = mixed
    one = cells[cells.obs["type"] == "L6"].copy()
    result = deconvolve(slide, one, "type", config=FAST)
    assert (result.proportions["L6"] == 1).all()
    assert any("nothing to distinguish" in n for n in result.notes)


def test_missing_labels_are_counted_and_are_no_type(mixed):
    slide, cells, truth = mixed
    some = cells.copy()
    labels = some.obs["type"].astype(object).to_numpy()
    labels[::10] = np.nan
    some.obs["type"] = labels
    result = deconvolve(slide, some, "type", config=FAST)
    assert set(result.proportions.columns) == {"Astro", "L2/3 IT", "L6"}
    assert "9 of 90 cells have no label in 'type'." in result.notes
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.8


def test_only_missing_labels_are_refused(mixed):
    slide, cells, _ = mixed
    none = cells.copy()
    none.obs["type"] = np.nan
    with pytest.raises(InputError, match="found only missing values"):
        deconvolve(slide, none, "type")


def test_a_type_of_one_cell_is_kept_and_said(mixed):
    slide, cells, truth = mixed
    labels = cells.obs["type"].astype(str).to_numpy()
    labels[0] = "Rare"
    rare = cells.copy()
    rare.obs["type"] = labels
    result = deconvolve(slide, rare, "type", config=FAST)
    assert 0 < result.proportions["Rare"].mean() < 0.1
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.8
    assert any("only one cell (Rare)" in n for n in result.notes)


def test_empty_spots_have_the_shares_of_the_reference_and_that_is_said(mixed):
    slide, cells, _ = mixed
    empty = slide.copy()
    empty.X[3] = 0
    result = deconvolve(empty, cells, "type", config=FAST)
    assert len(result.proportions) == 25
    np.testing.assert_allclose(result.proportions.iloc[3], 1 / 3)
    assert any("1 empty spots" in n for n in result.notes)
    assert result.adata.obsm["mapping"][3].nnz == 0


def test_more_spots_than_cells_are_no_obstacle_and_are_said(mixed):
    slide, cells, truth = mixed
    result = deconvolve(slide, cells[::5].copy(), "type", config=FAST)
    assert mixture_metrics(truth, order(result))["pcc_type"] > 0.7
    assert any("more spots (25) than cells (18)" in n for n in result.notes)


def test_a_reference_of_logarithms_is_refused(mixed):
    slide, cells, _ = mixed
    logs = cells.copy()
    logs.X = np.log1p(logs.X / logs.X.sum(axis=1, keepdims=True) * 1e4)
    with pytest.raises(ValidationError, match="look like log1p"):
        deconvolve(slide, logs, "type")


def test_it_stops_and_the_same_seed_gives_the_same_bytes(mixed):
    slide, cells, _ = mixed
    with pytest.raises(Stopped):
        deconvolve(slide, cells, "type", config=FAST, should_stop=lambda: True)
    first, second = (deconvolve(slide, cells, "type", config=FAST, seed=1) for _ in range(2))
    assert first.proportions.to_numpy().tobytes() == second.proportions.to_numpy().tobytes()


@pytest.mark.parametrize("method", ["come", "nnls", "knn", "auto"])
def test_true_shares_on_the_slide_change_no_byte_of_the_result(mixed, method):
    slide, cells, truth = mixed
    config = FAST if method == "come" else None
    own = slide.copy()
    own.obsm["proportions"] = pd.DataFrame(truth, own.obs_names, TYPES)
    own.obs["main_cell_type"] = [TYPES[i] for i in truth.argmax(axis=1)]
    other = own.copy()
    other.obsm["proportions"] = own.obsm["proportions"].iloc[:, ::-1].set_axis(TYPES, axis=1)
    other.obs["main_cell_type"] = own.obs["main_cell_type"].to_numpy()[::-1]
    results = [deconvolve(s, cells, "type", method=method, config=config) for s in (own, other)]
    assert not any("pseudo-spots" in stage for stage, *_ in results[0].record.history)
    found = [result.adata for result in results]
    for key in ("proportions", "proportions_lower", "proportions_upper"):
        assert found[0].obsm[key].to_numpy().tobytes() == found[1].obsm[key].to_numpy().tobytes()
    assert not np.allclose(found[0].obsm["proportions"], truth)


def test_shares_have_intervals_of_what_the_method_finds_in_pseudo_spots(mixed):
    slide, cells, truth = mixed
    result = deconvolve(slide, cells, "type", method="nnls")
    lower, upper = (
        result.adata.obsm[f"proportions_{end}"][["L2_3 IT", "L6", "Astro"]].to_numpy()
        for end in ("lower", "upper")
    )
    assert (lower <= order(result)).all() and (order(result) <= upper).all()
    assert ((truth >= lower) & (truth <= upper)).mean() > 0.8
    assert "90% intervals of" in result.verdict
    assert result.record.metrics["interval_coverage"] > 0.8
    assert any("below 2% hold for the most part" in note for note in result.notes)


def test_known_shares_and_too_few_cells_leave_shares_without_intervals(mixed):
    slide, cells, truth = mixed
    prior = pd.DataFrame(truth, slide.obs_names, TYPES)
    known = deconvolve(slide, cells, "type", config=FAST, prior=prior)
    few = deconvolve(slide, cells[::4].copy(), "type", method="knn")
    for result, why in ((known, "they follow from the known shares"), (few, "too few cells")):
        assert "proportions_lower" not in result.adata.obsm
        assert any("no intervals" in note and why in note for note in result.notes)


def test_shuffled_labels_are_no_better_than_the_baseline(mixed):
    slide, cells, _ = mixed
    wrong = cells.copy()
    wrong.obs["type"] = np.random.default_rng(0).permutation(wrong.obs["type"])
    said = deconvolve(slide, wrong, "type", method="nnls").verdict
    assert "No better than the baseline" in said
    assert "No better" not in deconvolve(slide, cells, "type", method="nnls").verdict
