"""GEARS as a whole: one shot, patches, the refiner."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.geometry.procrustes import procrustes_error
from napari_spatialrecon.methods.gears.model import Gears


def test_patches_give_what_one_shot_gives(slides, cells, small_gears) -> None:
    values = {"members": 1, "validate": False, "floor_share": 0.0}
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


def test_the_refiner_trains_and_places(slides, cells, small_gears) -> None:
    config = small_gears(
        members=1, validate=False, refiner__on=True, refiner__blocks=1, refiner__steps=3
    )
    model = Gears(config).fit(slides, cells)
    assert 0.01 < float(model.networks[0].sigma_data) < 1
    assert np.isfinite(model.place(cells).coordinates).all()


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


def test_the_floor_can_share_in_the_layout(slides, cells, small_gears, methods) -> None:
    config = small_gears(members=1, validate=False, training__steps=30, floor_share=0.0)
    alone = Gears(config).fit(slides, cells).place(cells).coordinates
    joined = Gears(config.with_values({"floor_share": 0.5})).fit(slides, cells)
    floor = methods["knn"].place(cells).coordinates
    np.testing.assert_allclose(
        joined.place(cells).coordinates, 0.5 * alone + 0.5 * floor, atol=1e-6 * np.ptp(floor)
    )
