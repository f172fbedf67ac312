"""GEARS as a whole: one shot, patches, the refiner."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_spatialrecon.geometry.procrustes import procrustes_error
from napari_spatialrecon.methods.gears import fitting as gears
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.progress import Reporter


def test_patches_give_what_one_shot_gives(slides, cells, small_gears) -> None:
    values = {"members": 1, "validate": False, "baseline_share": 0.0}
    whole = Gears(small_gears(**values)).fit(slides, cells)
    patched = Gears(small_gears(**values, patches__one_shot=0, patches__size=64))
    patched.fit(slides, cells)
    for ours, theirs in zip(
        patched.networks[0].parameters(), whole.networks[0].parameters(), strict=True
    ):
        np.testing.assert_array_equal(ours.detach(), theirs.detach())
    one, many = whole.place(cells), patched.place(cells)
    assert procrustes_error(one.layout, many.layout) < 0.15
    assert 0 < many.diagnostics["patch_disagreement"] < 1
    assert "patch_disagreement" not in one.diagnostics
    assert one.distances is None
    stitched = many.distances
    assert (stitched != stitched.T).nnz == 0
    rows, columns = stitched.nonzero()
    gaps = np.linalg.norm(many.geometry[rows] - many.geometry[columns], axis=1)
    assert np.median(np.abs(gaps / np.asarray(stitched[rows, columns]).ravel() - 1)) < 0.2
    assert (many.per_cell["patch_support"] >= 4).all()
    assert len(many.per_patch["disagreement"]) == len(many.per_patch["reliability"])


def test_cells_can_lie_where_the_stitched_distances_want_them(slides, cells, small_gears) -> None:
    values = {"members": 1, "validate": False, "training__steps": 30, "baseline_share": 0.0}
    patches = {"patches__one_shot": 0, "patches__size": 64, "patches__overlap": 0.7}
    model = Gears(small_gears(**values, **patches, patches__coverage=10)).fit(slides, cells)
    features, _ = model.fitted.embedded.cells(cells)
    laid = {}
    for layout in ("mean", "solve"):
        model.config = model.config.with_values({"patches.layout": layout})
        laid[layout] = model.layouts(features, Reporter())
    graph = laid["solve"].stitched[0].graph
    off = {}
    for layout, found in laid.items():
        gaps = np.linalg.norm(found.places[0][graph.first] - found.places[0][graph.second], axis=1)
        off[layout] = np.abs(gaps - graph.distances).mean()
    assert off["solve"] < off["mean"]
    assert off["solve"] == pytest.approx(laid["solve"].numbers["solve_residual_mean"])
    assert (laid["solve"].per_cell["patch_support"] >= 10).all()


def test_the_refiner_trains_and_places(slides, cells, small_gears) -> None:
    config = small_gears(
        members=1, validate=False, refiner__on=True, refiner__blocks=1, refiner__steps=3
    )
    model = Gears(config).fit(slides, cells)
    assert 0.01 < float(model.networks[0].sigma_data) < 1
    assert np.isfinite(model.place(cells).coordinates).all()


def test_networks_lay_out_on_the_device_that_is_asked_for(slides, cells, small_gears) -> None:
    """`meta` stands for a second device: tensors of two devices do not add there."""
    config = small_gears(members=1, validate=False, training__steps=1)
    model = Gears(config).fit(slides, cells)
    features, _ = model.fitted.embedded.cells(cells)
    assert model._inputs(0, features).device.type == "cpu"
    model.to("meta")
    inputs, network = model._inputs(0, features), model.networks[0]
    assert inputs.device.type == "meta"
    assert network.geometry(inputs[None], model.config, 0).device.type == "meta"


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_sampling_is_repeatable(slides, cells, small_gears, temperature) -> None:
    config = small_gears(
        members=1,
        validate=False,
        training__steps=30,
        refiner__on=True,
        refiner__blocks=1,
        refiner__steps=3,
        refiner__temperature=temperature,
    )
    model = Gears(config).fit(slides, cells)
    first, second = (model.place(cells).coordinates for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_baseline_can_share_in_the_layout(slides, cells, small_gears, methods) -> None:
    config = small_gears(members=1, validate=False, training__steps=30, baseline_share=0.0)
    alone = Gears(config).fit(slides, cells).place(cells).coordinates
    shared = Gears(config.with_values({"baseline_share": 0.5})).fit(slides, cells)
    baseline, joined = methods["knn"].place(cells).coordinates, shared.place(cells).coordinates
    assert 0.01 < procrustes_error(baseline, joined) < 0.8 * procrustes_error(baseline, alone)


def test_two_networks_of_four_see_genes_in_another_scaling(
    slides, cells, small_gears, tmp_path
) -> None:
    config = small_gears(members=4, scalings="mixed", validate=False, training__steps=5)
    model = Gears(config).fit(slides, cells)
    embedded = model.fitted.embedded
    seen = [embedded.spots(config.sight(number, 2))[0] for number in range(4)]
    assert [view.space.power for view in embedded.views] == [1.0, 0.5]
    for first, other in ((seen[0], seen[2]), (seen[1], seen[3])):
        assert first.shape[0] == other.shape[0]
        assert not np.allclose(np.abs(first[:, :2]), np.abs(other[:, :2]), rtol=0.05)
    model.save(tmp_path / "model")
    placed = Gears.load(tmp_path / "model").place(cells)
    np.testing.assert_array_equal(placed.coordinates, model.place(cells).coordinates)


def test_networks_that_see_each_cell_alone(slides, cells, small_gears, tmp_path) -> None:
    config = small_gears(members=4, attention="mixed", validate=False, training__steps=30)
    model = Gears(config).fit(slides, cells)
    features, _ = model.fitted.embedded.cells(cells)
    whole = model.layouts(features, Reporter()).places
    some = model.layouts([f[::2] for f in features], Reporter()).places
    for number, (every, few) in enumerate(zip(whole, some, strict=True)):
        half = every[::2] - every[::2].mean(axis=0)
        alike = np.allclose(half, few - few.mean(axis=0), atol=1e-5)
        assert alike == (number in (1, 2)), number
    model.save(tmp_path / "model")
    placed = Gears.load(tmp_path / "model").place(cells)
    np.testing.assert_array_equal(placed.coordinates, model.place(cells).coordinates)


def test_noise_falls_from_the_first_network_to_the_last(
    slides, cells, small_gears, monkeypatch
) -> None:
    seen = []

    class Watched(gears.GeometryTask):
        def __init__(self, network, features, places, noise, config) -> None:
            seen.append(noise / torch.cat(features).std().item())
            super().__init__(network, features, places, noise, config)

    monkeypatch.setattr(gears, "GeometryTask", Watched)
    config = small_gears(members=3, least_noise=0.5, inputs="components", noise=2.0)
    Gears(config.with_values({"validate": False, "training.steps": 1})).fit(slides)
    assert seen == pytest.approx([2.0, 1.5, 1.0], rel=0.01)


def test_one_scaling_is_enough_for_two_networks(slides, cells, small_gears) -> None:
    config = small_gears(members=2, scalings="mixed", validate=False, training__steps=5)
    assert len(Gears(config).fit(slides, cells).fitted.embedded.views) == 1
