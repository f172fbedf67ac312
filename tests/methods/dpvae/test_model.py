"""dp-VAE: what is learned, masks, likelihoods, backbones, fine-tuning, landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.procrustes import procrustes_error
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.ensemble.base import Layouts
from napari_spatialrecon.methods.placement.base import PlacementMethod
from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate


def correlation(truth, places):
    return spearmanr(pdist(truth), pdist(places)).statistic


@pytest.fixture(scope="session")
def exact():
    """A tissue whose expression determines the position exactly."""
    config = SimulatorConfig.preset("tiny").with_values({"noise": False})
    return simulate("cortex", config, seed=0)


@pytest.fixture(scope="session")
def small_section(exact):
    """All cells of one section with their places, and cells of the next one."""
    slide = prepare_slide(exact.single_cell_slides[0], "section")
    return slide, prepare_query(exact.cells, "cells"), exact.truth[["x", "y"]].to_numpy()


def test_without_noise_the_layout_is_recovered(small_section):
    slide, cells, truth = small_section
    config = DPVAEConfig(members=1, noise=0.0, validate=False, inputs="components").with_values(
        {"training.steps": 200, "network.width": 128}
    )
    placed = DPVAE(config).fit([slide], cells).place(cells)
    assert procrustes_error(truth, placed.coordinates) < 0.01


def test_without_noise_the_solve_from_a_wider_latent_recovers_the_layout(small_section):
    slide, cells, truth = small_section
    config = DPVAEConfig(members=1, noise=0.0, validate=False, inputs="components").with_values(
        {"training.steps": 200, "network.width": 128, "network.latent": 3}
    )
    model = DPVAE(config).fit([slide], cells)
    assert model.latents([model.reference.space.transform(cells)[0]])[0].shape == (400, 3)
    assert procrustes_error(truth, model.place(cells).coordinates) < 0.01


def test_a_plain_vae_places_worse(methods, slides, cells, truth, small):
    vae = DPVAE(small("vae")).fit(slides, cells)
    assert vae.config.alpha == 0
    dpvae = methods["dpvae"]
    assert dpvae.held_out["method"] < 0.7 * vae.held_out["method"]
    better, worse = (correlation(truth, m.place(cells).coordinates) for m in (dpvae, vae))
    assert better > worse + 0.3


def test_training_stops_at_the_step_that_places_held_out_spots_best(
    slides, cells, small, monkeypatch
):
    """The baseline is measured first, then the network after 10, 20 and 30 steps."""
    stress = iter([0.5, 0.3, 0.1, 0.2])
    monkeypatch.setattr(HeldOut, "stress", lambda self, placed: next(stress))
    model = DPVAE(small(training__steps=30, training__validate_every=10)).fit(slides, cells)
    validation, *members = model.history
    assert validation.best_step == 20
    assert [h.steps for h in members] == [20, 20]
    assert (model.held_out["baseline"], model.held_out["method"]) == (0.5, 0.1)


def test_networks_of_the_ensemble_differ_and_see_different_inputs(methods, cells):
    model = methods["dpvae"]
    features, _ = model.reference.space.transform(cells)
    first, second = model.latents([features])
    assert not np.allclose(pdist(first), pdist(second), rtol=0.01)
    assert model._inputs(0, [features]).shape[1] == features.shape[1]
    assert model._inputs(1, [features]).shape[1] == model.fitted.embedded.directions.shape[1]
    assert model.place(cells).diagnostics["member_disagreement"] > 0


def test_networks_of_the_ensemble_start_differently(slides, cells, small):
    still = small(training__steps=1, training__learning_rate=0.0, inputs="components")
    first, second = DPVAE(still).fit(slides, cells).networks
    assert not np.allclose(first.mean.weight.detach(), second.mean.weight.detach())


def test_the_uncertainty_grows_with_the_disagreement_of_networks(methods, cells, slides, small):
    alone = DPVAE(small(members=1)).fit(slides, cells).place(cells)
    assert alone.diagnostics["member_disagreement"] == pytest.approx(0, abs=1e-6)
    assert methods["dpvae"].place(cells).uncertainty.mean() > alone.uncertainty.mean()


def test_the_same_seed_gives_the_same_and_another_does_not(slides, cells, small):
    places = [
        DPVAE(small(training__steps=20)).fit(slides, cells, Run(seed=s)).place(cells).coordinates
        for s in (0, 0, 1)
    ]
    assert places[0].tobytes() == places[1].tobytes()
    assert not np.allclose(places[0], places[2])


def test_fitting_leaves_the_inputs_alone(slides, cells, small):
    before = [t.adata.copy() for t in (*slides, cells)]
    DPVAE(small(training__steps=3)).fit(slides, cells).place(cells)
    for table, old in zip((*slides, cells), before, strict=True):
        assert (table.adata.X != old.X).nnz == 0
        assert list(table.adata.obs) == list(old.obs)
    np.testing.assert_array_equal(slides[0].adata.obsm["spatial"], before[0].obsm["spatial"])


@pytest.mark.parametrize("kind", ["spatial", "expression"])
def test_masks_of_the_config_are_learned_with(slides, cells, small, kind):
    steps = {"training__steps": 60, "members": 1}
    masked, free = (
        DPVAE(small(mask__kind=k, mask__neighbours=15, **steps)).fit(slides, cells)
        for k in (kind, "none")
    )
    assert np.isfinite(masked.history[-1].losses).all()
    assert masked.history[-1].losses != free.history[-1].losses
    assert np.isfinite(masked.place(cells).coordinates).all()


def test_the_users_mask_replaces_that_of_the_config(slides, cells, small):
    config = small(training__steps=20, members=1)
    sizes = [s.adata.n_obs for s in slides]
    full = [sparse.csr_matrix(np.ones((n, n), bool)) for n in sizes]
    none = [sparse.csr_matrix((n, n), dtype=bool) for n in sizes]
    free, whole, empty = (
        DPVAE(config).fit(slides, cells, masks=m).history[-1].losses for m in (None, full, none)
    )
    np.testing.assert_allclose(whole, free, rtol=1e-4)
    assert empty[0] < free[0]


def test_a_tear_that_the_slide_marks_is_told_and_learned_around(slides, cells, small):
    torn = [replace(slide, adata=slide.adata.copy()) for slide in slides]
    torn[0].adata.obs["torn"] = np.arange(torn[0].adata.n_obs) < 20
    config = small(training__steps=20, members=1, mask__draws="near", spots_per_step=40)
    marked, plain = (DPVAE(config).fit(some, cells) for some in (torn, slides))
    assert marked.history[-1].losses != plain.history[-1].losses
    assert any("one: 20 of" in note and "column torn" in note for note in marked.notes)
    assert not any("torn" in note for note in plain.notes)


def test_a_mask_of_the_wrong_shape_is_refused(slides, cells, small):
    wrong = [None, sparse.csr_matrix((3, 3), dtype=bool)]
    with pytest.raises(InputError, match=r"two: Expected a mask of 75 x 75 spots, found \(3, 3\)"):
        DPVAE(small()).fit(slides, cells, masks=wrong)


def test_one_mask_a_slide_is_needed(slides, cells, small):
    with pytest.raises(InputError, match="Expected a mask for each of 2 slides, found 1"):
        DPVAE(small()).fit(slides, cells, masks=[None])


@pytest.mark.parametrize("backbone", ["mlp", "scvi"])
def test_counts_are_reconstructed_by_a_negative_binomial(
    slides, cells, truth, small, backbone, tmp_path
):
    if backbone == "scvi":
        pytest.importorskip("scvi")
    config = small(
        network__likelihood="nb",
        network__backbone=backbone,
        network__batch="slide",
        members=1,
        training__steps=120,
    )
    model = DPVAE(config).fit(slides, cells)
    losses = model.history[-1].losses
    assert losses[-1] < losses[0]
    dispersion = model.networks[0].log_dispersion
    assert dispersion.shape == (len(model.reference.space.used),)
    assert (dispersion != 0).any()
    placed = model.place(cells).coordinates
    assert correlation(truth, placed) > 0.3
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(DPVAE.load(tmp_path / "model").place(cells).coordinates, placed)


def test_the_scvi_backbone_needs_counts(slides, cells, small):
    pytest.importorskip("scvi")
    with pytest.raises(InputError, match=r"network\.backbone: Expected likelihood nb"):
        DPVAE(small(network__backbone="scvi")).fit(slides, cells)


def test_the_preset_of_the_paper_runs(slides, cells, truth):
    config = DPVAEConfig.preset("paper").with_values({"training.steps": 60})
    model = DPVAE(config).fit(slides, cells)
    assert len(model.networks) == 1
    assert correlation(truth, model.place(cells).coordinates) > 0.3


def located(tiny, count):
    """A few dissociated cells with their true places, and the rest."""
    cells = tiny.cells.copy()
    cells.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy()
    cells.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 0.5}
    chosen = np.zeros(cells.n_obs, bool)
    chosen[np.random.default_rng(0).permutation(cells.n_obs)[:count]] = True
    known = prepare_slide(cells[chosen].copy(), "located")
    rest = prepare_query(tiny.cells[~chosen].copy(), "rest")
    return known, rest, cells.obsm["spatial"][~chosen]


def test_fine_tuning_on_located_cells_places_the_others_better(tiny, slides, small):
    base = DPVAE(small(training__steps=60)).fit(slides)
    known, rest, truth = located(tiny, 150)
    tuned = DPVAE(small(training__steps=200)).fit([known], start_from=base)
    before, after = (procrustes_error(truth, m.place(rest).coordinates) for m in (base, tuned))
    assert after < 0.9 * before


def test_fine_tuning_starts_from_the_networks_and_keeps_genes_and_shape(tiny, slides, small):
    base = DPVAE(small(training__steps=40, network__width=48)).fit(slides)
    known, rest, _ = located(tiny, 60)
    # Other settings of the network than those of the base give way to the base's.
    config = DPVAEConfig().with_values({"training.steps": 1, "training.learning_rate": 1e-9})
    tuned = DPVAE(replace(config, validate=False)).fit([known], start_from=base)
    assert tuned.reference.space.genes == base.reference.space.genes
    assert tuned.config.network == base.config.network
    assert tuned.config.training.steps == 1
    assert tuned.reference.names == ("located",)
    for mine, theirs in zip(tuned.networks, base.networks, strict=True):
        for name, value in theirs.state_dict().items():
            if name != "log_scale":
                np.testing.assert_allclose(mine.state_dict()[name], value, atol=1e-6)
    assert np.isfinite(tuned.place(rest).coordinates).all()


def test_fine_tuning_keeps_both_scalings_of_genes(tiny, slides, small):
    base = DPVAE(small(training__steps=5, members=4, scalings="mixed", validate=False)).fit(slides)
    known, rest, _ = located(tiny, 60)
    tuned = DPVAE(small(training__steps=2, validate=False)).fit([known], start_from=base)
    (_, tuned_view), (_, base_view) = tuned.fitted.embedded.views, base.fitted.embedded.views
    assert tuned_view.space is base_view.space
    assert len(tuned_view.features[0]) == 60
    assert np.isfinite(tuned.place(rest).coordinates).all()


@pytest.fixture
def landmarks(truth):
    indices = np.array([3, 77, 140, 250, 391])
    return Landmarks(indices, truth[indices] + 0.25)


def test_hard_landmarks_lie_where_they_were_set(methods, cells, landmarks, truth):
    placed = methods["dpvae"].impute(cells, landmarks, um_per_unit=0.5)
    extent = np.ptp(truth, axis=0).max()
    offset = np.abs(placed.coordinates[landmarks.indices] - landmarks.places).max()
    assert offset <= 1e-6 * extent
    assert (placed.uncertainty[landmarks.indices] == 0).all()
    others = np.delete(placed.uncertainty, landmarks.indices)
    assert (others > 0).all()
    assert correlation(truth, placed.coordinates) > 0.4
    errors = np.linalg.norm(placed.coordinates - truth, axis=1)
    assert np.median(errors) < 0.3 * extent


@pytest.mark.parametrize("good", ["latent", "plane"])
def test_what_places_left_out_landmarks_better_is_kept(
    slides, cells, truth, small, good, monkeypatch
):
    """A latent of five dimensions with the true distances, or with distances of noise."""
    steps = {"members": 1, "validate": False, "training__steps": 20}
    model = DPVAE(small(network__latent=5, **steps)).fit(slides, cells)
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    exact = (truth - truth.mean(axis=0)) / model.reference.frame.radius_on(0) @ turn[:2]
    latent = exact if good == "latent" else rng.normal(size=exact.shape)
    plane = exact @ turn[:2].T if good == "plane" else rng.normal(size=(len(exact), 2))
    planar = Layouts((plane,))
    monkeypatch.setattr(DPVAE, "layouts", lambda *_: planar)
    monkeypatch.setattr(DPVAE, "latents", lambda *_: [latent])
    rows = np.arange(5, 400, 33)
    known, others = Landmarks(rows, truth[rows]), np.delete(np.arange(400), rows)
    found, off = {}, {}
    for choice in ("plane", "latent", "auto"):
        model.config = model.config.with_values({"landmarks": choice})
        found[choice] = model.impute(cells, known, um_per_unit=0.5)
        gaps = found[choice].coordinates - truth
        np.testing.assert_allclose(gaps[rows], 0, atol=1e-6 * np.ptp(truth))
        off[choice] = np.median(np.linalg.norm(gaps[others], axis=1))
    np.testing.assert_allclose(found["auto"].coordinates, found[good].coordinates)
    told = found["auto"].diagnostics
    assert (told["left_out_latent"] < told["left_out_plane"]) == (good == "latent")
    assert any("5 dimensions" in note for note in found["auto"].notes) == (good == "latent")
    other = "plane" if good == "latent" else "latent"
    assert off[good] < 0.5 * off[other]


def test_soft_landmarks_lie_near_and_nearer_the_firmer_they_pull(methods, cells, landmarks, truth):
    far = landmarks.places.copy()
    far[0] += 400
    offsets = []
    for weight in (1.0, 100.0):
        soft = replace(landmarks, places=far, hard=np.zeros(5, bool), weights=np.full(5, weight))
        placed = methods["dpvae"].impute(cells, soft, um_per_unit=0.5)
        offsets.append(np.linalg.norm(placed.coordinates[3] - far[0]))
        assert (placed.uncertainty > 0).all()
    assert 0 < offsets[1] < offsets[0]


def test_landmarks_may_be_in_another_unit_than_the_slides(methods, cells, landmarks):
    pixels = methods["dpvae"].impute(cells, landmarks, um_per_unit=0.5)
    in_um = replace(landmarks, places=landmarks.places * 0.5)
    micrometres = methods["dpvae"].impute(cells, in_um, um_per_unit=1.0)
    np.testing.assert_allclose(micrometres.coordinates, pixels.coordinates * 0.5, rtol=1e-3)
    np.testing.assert_allclose(micrometres.uncertainty, pixels.uncertainty * 0.5, rtol=1e-3)


def test_baselines_take_no_landmarks(methods, cells, landmarks):
    for name in ("knn", "ridge"):
        assert type(methods[name]).impute is PlacementMethod.impute
        with pytest.raises(InputError, match=f"takes landmarks, found {name}"):
            methods[name].impute(cells, landmarks)


@pytest.mark.parametrize("asked", [0, 1, 40, 151, 400])
def test_a_fit_stopped_at_any_step_and_resumed_is_the_straight_one(
    slides, cells, small, tmp_path, asked
):
    """Stops while validating, while training either network, and not at all."""
    config = small(training__steps=60)
    straight = DPVAE(config).fit(slides, cells).place(cells)
    calls = iter(range(10**6))
    reporter = Reporter(should_stop=lambda: next(calls) >= asked)
    model = DPVAE(config)
    try:
        model.fit(slides, cells, Run(reporter=reporter, folder=tmp_path / "run"))
    except Stopped as stopped:
        assert stopped.checkpoint == str(tmp_path / "run")
        model = DPVAE(config).fit(slides, cells, Run(folder=tmp_path / "run", resume=True))
    else:
        assert asked == 400
    placed = model.place(cells)
    assert placed.coordinates.tobytes() == straight.coordinates.tobytes()
    assert placed.uncertainty.tobytes() == straight.uncertainty.tobytes()
