"""Super-resolution from AnnData to AnnData: nothing lost, wrong input told, same bytes twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from anndata import AnnData, read_h5ad
from scipy import sparse

from napari_spatialrecon.errors import CheckpointError, InputError, SpatialReconError, Stopped
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.srast import flow
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.model import SRast
from napari_spatialrecon.methods.super_resolution.interpolation import Bilinear, Uniform
from napari_spatialrecon.tasks.super_preflight import super_preflight
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tasks.super_training import train_super_resolution
from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.training.checkpoint import save_checkpoint

QUICK = SRastConfig().with_values(
    {
        "sasa.hidden": 16,
        "sasa.training.steps": 5,
        "adapt.steps": 6,
        "adapt.validate_every": 3,
        "batch": 64,
        "pool": 2000,
    }
)


def bins(rows=10, columns=12, n_genes=12, seed=0, turn=0.0):
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    points = np.c_[x.ravel(), y.ravel()].astype(float)
    rate = np.exp(np.sin(points[:, :1] / 3 + np.arange(n_genes)))
    counts = np.random.default_rng(seed).poisson(rate)
    counts[:, -1] = 0
    slide = AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    slide.obs_names = [f"bin{i}" for i in range(len(points))]
    slide.var_names = [f"Gene{i}" for i in range(n_genes)]
    angle = np.radians(turn)
    slide.obsm["spatial"] = points @ [
        [np.cos(angle), np.sin(angle)],
        [-np.sin(angle), np.cos(angle)],
    ]
    return slide


def sums(result, slide):
    table = result.adata
    order = slide.obs_names.get_indexer(table.obs["parent"])
    total = np.zeros(slide.shape)
    np.add.at(total, order, table.X.toarray().astype(float))
    return total


@pytest.mark.parametrize("method", ["srast", "uniform", "bilinear", "bicubic", "gaussian"])
@pytest.mark.parametrize("factor", ["2x2", "2x5"])
def test_every_method_gives_back_the_counts_of_each_spot(method, factor):
    slide = bins()
    config = QUICK if method == "srast" else None
    result = super_resolve(slide, factor, method=method, config=config, device="cpu")
    np.testing.assert_allclose(sums(result, slide), slide.X.toarray(), rtol=1e-6)
    assert result.fd <= 1e-6 and "conserved" in result.verdict
    assert result.adata.n_obs == slide.n_obs * {"2x2": 4, "2x5": 10}[factor]


def test_a_run_that_loses_counts_fails(monkeypatch):
    monkeypatch.setattr(Uniform, "interpolate", lambda self, values: np.repeat(values, 4, axis=0))
    monkeypatch.setattr(
        "napari_spatialrecon.methods.super_resolution.interpolation.conserved",
        lambda values, counts: values / 4.001,
    )
    with pytest.raises(SpatialReconError, match="sum to their spots"):
        super_resolve(bins(), method="uniform")


def test_the_same_seed_gives_the_same_bytes_and_the_slide_stays_as_it_was(tmp_path):
    slide = bins()
    before = slide.copy()
    for name in "ab":
        result = super_resolve(slide, config=QUICK, seed=3, device="cpu")
        result.write(tmp_path / f"{name}.h5ad")
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()
    assert (slide.X != before.X).nnz == 0
    record = json.loads((tmp_path / "a.run.json").read_text())
    assert record["metrics"]["fd"] <= 1e-6
    assert read_h5ad(tmp_path / "a.h5ad").obs["parent"].iloc[0] == "bin0"


def test_draws_tell_how_sure_a_split_is():
    config = QUICK.with_values({"flow.draws": 3, "flow.steps": 2})
    result = super_resolve(bins(20, 20), config=config, device="cpu")
    spread = result.adata.layers["spread"].toarray()
    assert spread.shape == result.adata.shape
    held = result.adata.X.toarray() > 0
    assert (spread[held] > 0).mean() > 0.9 and (spread[~held] == 0).all()


@pytest.mark.parametrize(
    ("more", "weight"), [({}, 0.0), ({"flow.draws": 2}, 0.3), ({"flow.boundary_weight": 0.0}, 0.3)]
)
def test_flow_matching_is_adapted_only_where_draws_are_asked_for(monkeypatch, more, weight):
    seen = []
    fitted = flow.objective
    monkeypatch.setattr(
        flow, "objective", lambda terms, config: seen.append(config) or fitted(terms, config)
    )
    config = QUICK.with_values({"flow.steps": 2, **more})
    super_resolve(bins(24, 24), genes=["Gene3"], config=config, device="cpu")
    assert {c.flow_weight for c in seen} == {weight}


def test_genes_are_chosen_by_name_in_the_order_asked():
    result = super_resolve(bins(), method="bilinear", genes=["Gene3", "gene1"])
    assert list(result.adata.var_names) == ["Gene3", "Gene1"]
    whole = super_resolve(bins(), method="bilinear")
    np.testing.assert_array_equal(
        result.adata.X.toarray(), whole.adata[:, ["Gene3", "Gene1"]].X.toarray()
    )
    with pytest.raises(InputError, match="Did you mean Gene"):
        super_resolve(bins(), method="bilinear", genes=["Gene33"])


def test_a_turned_grid_is_split_as_the_straight_one():
    straight = super_resolve(bins(), method="bilinear")
    turned = super_resolve(bins(turn=25), method="bilinear")
    np.testing.assert_allclose(turned.adata.X.toarray(), straight.adata.X.toarray(), rtol=1e-5)
    assert any("rotated by 25.0 degrees" in note for note in turned.notes)


def test_srast_splits_a_turned_grid_as_the_straight_one():
    config = QUICK.with_values({"coarse_pair": False})
    straight, turned = (
        super_resolve(bins(turn=turn), config=config, device="cpu").adata.X.toarray()
        for turn in (0, 25)
    )
    np.testing.assert_allclose(turned, straight, atol=0.04)
    even = super_resolve(bins(), method="uniform").adata.X.toarray()
    assert abs(straight - even).max() > 0.1


def test_spots_without_counts_keep_their_parts_and_genes_without_counts_their_column():
    slide = bins()
    counts = slide.X.toarray()
    counts[7] = 0
    slide.X = sparse.csr_matrix(counts)
    result = super_resolve(slide, config=QUICK, device="cpu")
    empty = (result.adata.obs["parent"] == "bin7").to_numpy()
    assert empty.sum() == 4 and result.adata.X[empty].sum() == 0
    assert result.adata[:, "Gene11"].X.sum() == 0
    np.testing.assert_allclose(sums(result, slide), counts, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.obsm.update(spatial=np.random.default_rng(0).random((120, 2))), "grid"),
        (lambda s: setattr(s, "X", s.X * 0.5), "whole numbers"),
        (lambda s: setattr(s, "X", s.X * -1), "below zero"),
        (lambda s: s.obsm.pop("spatial"), "coordinates"),
    ],
)
def test_slides_that_cannot_be_split_are_refused_with_a_remedy(change, message):
    slide = bins()
    change(slide)
    with pytest.raises(InputError, match=message) as caught:
        super_resolve(slide, method="uniform")
    assert "Try" in str(caught.value)


def test_factors_and_models_that_do_not_fit_are_refused(tmp_path):
    for factor in ("1x1", "20x20", "2by2"):
        with pytest.raises(InputError, match="Try"):
            super_resolve(bins(), factor, method="uniform")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError):
        super_resolve(bins(), config=QUICK, model=tmp_path)
    save_checkpoint(tmp_path / "knn", method="knn", config={}, tensors={})
    with pytest.raises(CheckpointError, match="knn"):
        super_resolve(bins(), config=QUICK, model=tmp_path / "knn")
    with pytest.raises(InputError, match="learns nothing"):
        super_resolve(bins(), method="bilinear", model=tmp_path)


def test_round_spots_off_any_grid_are_split_by_distance():
    slide = bins()
    slide.obsm["spatial"] = np.random.default_rng(0).random((120, 2)) * 50
    result = super_resolve(slide, "7", config=QUICK, spot_diameter=0.5, device="cpu")
    assert result.fd <= 1e-6
    assert any("not on a grid" in note for note in result.notes)
    parents = slide.obs_names.get_indexer(result.adata.obs["parent"])
    away = np.linalg.norm(result.adata.obsm["spatial"] - slide.obsm["spatial"][parents], axis=1)
    assert np.bincount(parents).tolist() == [7] * 120 and 0.1 < away.max() < 0.25


def test_a_trained_model_is_used_on_other_genes_and_parts(tmp_path):
    config = QUICK.with_values({"hidden": 8, "heads": 2, "training.steps": 3})
    model, record = train_super_resolution({"one": bins(n_genes=15)}, config=config, device="cpu")
    model.save(tmp_path / "model")
    assert record.inputs and SRast.load(tmp_path / "model").trained_on == ("one",)
    result = super_resolve(bins(), "2x5", config=QUICK, model=tmp_path / "model", device="cpu")
    assert result.method.config.hidden == 8 and result.fd <= 1e-6


def test_a_stop_is_heard_and_an_estimate_given_before():
    with pytest.raises(Stopped):
        super_resolve(bins(), config=QUICK, should_stop=lambda: True, device="cpu")
    small = super_preflight(bins())
    large = super_preflight(bins(40, 40))
    assert small.seconds < large.seconds and "square bins" in small.summary


def test_a_hundred_thousand_bins_are_estimated_and_split_in_blocks(monkeypatch):
    y, x = np.divmod(np.arange(100_000), 400)
    counts = np.random.default_rng(0).poisson([2.0, 0.5, 0.5, 0.5], (100_000, 4))
    counts[:, 0] += 1
    slide = AnnData(
        sparse.csr_matrix(counts.astype(np.float32)), obsm={"spatial": np.c_[x, y].astype(float)}
    )
    no_limit = AutoConfig(minutes=0.0)  # what a limit leaves out depends on the machine's load
    estimate = super_preflight(slide, config=no_limit)
    assert "100,000 square bins" in estimate.summary
    assert estimate.seconds > super_preflight(bins(), config=no_limit).seconds
    whole = super_resolve(slide, method="bilinear")
    monkeypatch.setattr(
        "napari_spatialrecon.methods.super_resolution.base.BLOCK_VALUES", 4 * slide.n_obs
    )
    blocks = []
    split = Bilinear.split

    def watched(self, genes, reporter):
        blocks.append(len(genes))
        return split(self, genes, reporter)

    monkeypatch.setattr(Bilinear, "split", watched)
    result = super_resolve(slide, method="bilinear")
    on_coarser_spots, *own = blocks
    assert on_coarser_spots == 4 and own == [1, 1, 1, 1] and result.fd <= 1e-6
    assert (result.adata.X != whole.adata.X).nnz == 0


def test_an_image_that_the_counts_do_not_follow_is_left_alone_and_the_user_is_told():
    noise = np.random.default_rng(1).integers(0, 255, (100, 120, 3), dtype=np.uint8)
    image = Histology([noise], 0.1, "slide")
    guided = super_resolve(bins(), method="bilinear", histology=image)
    plain = super_resolve(bins(), method="bilinear")
    assert any(note.startswith("The H&E image was not used") for note in guided.notes)
    assert guided.record.metrics["guide_exponent"] == 0
    assert (guided.adata.X != plain.adata.X).nnz == 0


def test_pictures_of_a_gene_come_in_the_order_of_the_parts():
    slide = bins()
    result = super_resolve(slide, method="uniform")
    image = result.picture().image(result.values("Gene0"))
    assert np.nanmax(image) == pytest.approx(slide.X[:, 0].max() / 4)
    with pytest.raises(InputError):
        result.values("Nothing")


@pytest.mark.parametrize("method", ["srast", "uniform", "bilinear", "bicubic", "gaussian", "auto"])
def test_true_parts_that_change_leave_every_byte_of_the_split_as_it_was(method):
    fine = bins(12, 12)
    other = fine.copy()
    order = np.arange(144).reshape(6, 2, 6, 2).transpose(0, 2, 1, 3)[:, :, ::-1].reshape(6, 6, 2, 2)
    order = order.transpose(0, 2, 1, 3).reshape(-1)  # the two rows of each block change places
    other.X = fine.X[order]
    found = []
    for truth in (fine, other):
        x, y = truth.obsm["spatial"].T.astype(int)
        block = (y // 2) * 6 + x // 2
        gather = sparse.csr_matrix((np.ones(144, np.float32), (block, np.arange(144))))
        slide = AnnData(sparse.csr_matrix(gather @ truth.X), var=truth.var)
        slide.obs_names = [f"block{i}" for i in range(36)]
        slide.obsm["spatial"] = np.c_[np.arange(36) % 6, np.arange(36) // 6].astype(float)
        slide.obsm["parts"] = truth.X.toarray()[np.argsort(block, kind="stable")].reshape(36, -1)
        config = QUICK if method == "srast" else None
        found.append(super_resolve(slide, method=method, config=config, device="cpu").adata)
    assert abs(fine.X - other.X).sum() > 0
    assert found[0].X.toarray().tobytes() == found[1].X.toarray().tobytes()


def test_a_spread_is_stated_where_it_can_be_calibrated_and_else_said_to_be_missing():
    config = QUICK.with_values({"flow.draws": 3, "flow.steps": 2})
    known = super_resolve(bins(16, 16, 4), config=config, device="cpu")
    assert "spread" in known.adata.layers
    assert 0.85 < known.record.metrics["spread_coverage"] <= 1.0
    growth = known.record.metrics["spread_growth"]
    assert 1.0 <= growth < 5.0
    assert any(f"and {growth - 1:.0%} wider" in note for note in known.notes)
    for size in (6, 14):  # too few blocks, and too few blocks of blocks
        few = super_resolve(bins(size, size, 4), config=config, device="cpu")
        assert "spread" not in few.adata.layers
        assert any("The spread over draws is not stated" in note for note in few.notes)
        assert not any("wider" in note for note in few.notes)


@pytest.mark.parametrize("method", ["bilinear", "auto"])
def test_a_slide_with_shuffled_places_gains_nothing_over_an_even_split(method):
    slide = bins(16, 16)
    rate = 30 * np.exp(np.sin(slide.obsm["spatial"][:, :1] / 3 + np.arange(12)))
    slide.X = sparse.csr_matrix(np.random.default_rng(0).poisson(rate).astype(np.float32))
    assert "Better than an even split" in super_resolve(slide, method=method).verdict
    slide.obsm["spatial"] = np.random.default_rng(0).permutation(slide.obsm["spatial"])
    assert "No gain over an even split" in super_resolve(slide, method=method).verdict
