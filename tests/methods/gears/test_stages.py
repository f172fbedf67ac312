"""GEARS in stages: the encoder, the geometry model on it, and what is made of its layout."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.ensemble.base import EnsembleMethod
from napari_spatialrecon.methods.ensemble.joining import Joined
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.progress import Reporter

SHORT = {"members": 1, "validate": False, "training__steps": 20}
ENCODER = {
    "network.first": 32,
    "network.second": 32,
    "network.embedding": 16,
    "training.steps": 20,
    "batch": 64,
}


@pytest.fixture(scope="module")
def encoder(slides, cells):
    return Encoder(EncoderConfig().with_values(ENCODER)).fit(slides, cells)


def test_the_geometry_model_trains_on_a_saved_encoder(
    slides, cells, small_gears, encoder, tmp_path
) -> None:
    encoder.save(tmp_path / "encoder")
    known = Encoder.load(tmp_path / "encoder")
    method = Gears(small_gears(**SHORT)).fit(slides, cells, encoder=known)
    assert method.input == "encoder"
    features, _ = method.reference.space.transform(cells)
    np.testing.assert_array_equal(features, encoder.embed(cells))
    method.save(tmp_path / "model")
    back = Gears.load(tmp_path / "model")
    assert back.input == "encoder"
    np.testing.assert_array_equal(back.place(cells).coordinates, method.place(cells).coordinates)


def test_all_networks_see_the_encoders_embedding(slides, cells, small_gears, encoder) -> None:
    config = small_gears(**{**SHORT, "members": 3, "scalings": "mixed", "validate": False})
    method = Gears(config).fit(slides, cells, encoder=encoder)
    assert len(method.fitted.embedded.views) == 1
    assert np.isfinite(method.place(cells).coordinates).all()


def test_the_input_that_places_held_out_spots_better_is_taken(slides, cells, small_gears) -> None:
    values = {f"encoder__{k.replace('.', '__')}": v for k, v in ENCODER.items()}
    config = small_gears(**{**SHORT, **values, "input": "auto"})
    method = Gears(config).fit(slides, cells)
    errors = {kind: method.held_out[f"method_{kind}"] for kind in ("pca", "encoder")}
    assert method.input == min(errors, key=errors.get)
    assert method.held_out["method"] == min(errors.values())
    width = method.reference.features[0].shape[1]
    assert (width == 16) == (method.input == "encoder")


def test_landmarks_are_anchors(slides, cells, truth, small_gears) -> None:
    method = Gears(small_gears(**SHORT)).fit(slides, cells)
    rows = np.array([3, 90, 210, 333])
    placed = method.impute(cells, Landmarks(rows, truth[rows]))
    np.testing.assert_allclose(placed.coordinates[rows], truth[rows], atol=1e-6 * np.ptp(truth))
    assert (placed.uncertainty[rows] == 0).all()
    assert np.isfinite(placed.coordinates).all()


def test_the_geometry_is_in_micrometres_whatever_slide_it_is_laid_on(
    slides, cells, small_gears
) -> None:
    method = Gears(small_gears(**SHORT)).fit(slides, cells)
    first, second = (method.place(cells, display=i) for i in (0, 1))
    np.testing.assert_allclose(first.geometry, second.geometry)
    np.testing.assert_allclose(first.geometry, 0.5 * first.layout)


def test_cells_can_be_given_the_density_of_the_spots(slides, cells, small_gears) -> None:
    method = Gears(small_gears(**SHORT)).fit(slides, cells)
    before = method.place(cells).geometry
    method.config = method.config.with_values({"density": "transport", "density_share": 1.0})
    after = method.place(cells).geometry
    radius = method.reference.frame.radius
    wanted = np.sqrt((np.concatenate(method.reference.places) ** 2).sum(axis=1).mean()) * radius
    found = [np.sqrt((x**2).sum(axis=1).mean()) for x in (before, after)]
    assert abs(found[1] / wanted - 1) < 0.05
    assert abs(found[0] / wanted - 1) > 0.1


def test_no_cell_lies_off_the_tissue(slides, cells, small_gears, monkeypatch) -> None:
    model = Gears(small_gears(training__steps=2, validate=False)).fit(slides, cells)
    places = model.reference.places
    rng = np.random.default_rng(0)
    spread = rng.choice(np.concatenate(places), 400) + rng.normal(size=(400, 2)) * 0.02
    spread[:3] = 4.0
    joined = Joined(spread, np.ones(400), 0.0, 0.0)
    monkeypatch.setattr(EnsembleMethod, "_joined", lambda *_: joined)
    found = {}
    for on in (True, False):
        model.config = model.config.with_values({"on_tissue": on})
        laid = model._joined(None, None, Reporter()).places
        found[on] = cKDTree(np.concatenate(places)).query(laid)[0]
    assert found[False][:3].min() > 2 and found[True].max() < 0.5


def test_samples_add_to_the_uncertainty(slides, cells, small_gears) -> None:
    values = {**SHORT, "refiner__on": True, "refiner__blocks": 1, "refiner__steps": 2}
    method = Gears(small_gears(**values)).fit(slides, cells)
    before = method.place(cells)
    method.config = method.config.with_values({"refiner.samples": 3})
    after = method.place(cells)
    np.testing.assert_array_equal(after.coordinates, before.coordinates)
    assert (after.uncertainty >= before.uncertainty).all()
    assert after.uncertainty.mean() > 1.001 * before.uncertainty.mean()
    assert any("refiner corrects" in note for note in after.notes)


@pytest.mark.parametrize("name", ["density", "refiner.samples"])
def test_samples_without_a_refiner_are_refused(small_gears, name) -> None:
    with pytest.raises(ConfigError, match="Expected a refiner"):
        small_gears().with_values({name: "sample" if name == "density" else 2})
