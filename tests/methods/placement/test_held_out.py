"""Spots that a method does not see while it is validated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


@pytest.fixture(scope="module")
def held_out(slides):
    return hold_out(slides, seed=0)


def test_a_quarter_of_the_spots_of_each_slide_is_held_out(slides, held_out):
    for slide, seen, mask in zip(slides, held_out.seen, held_out.masks, strict=True):
        assert mask.sum() == round(slide.adata.n_obs / 4)
        assert list(seen.adata.obs_names) == list(slide.adata.obs_names[~mask])
        assert seen.kept.sum() == seen.adata.n_obs
        assert (seen.kept <= slide.kept).all()
    other = hold_out(slides, seed=1)
    assert (other.masks[0] != held_out.masks[0]).any()


def test_the_four_quarters_hold_every_spot_once(slides, held_out):
    parts = [hold_out(slides, 0, part) for part in range(4)]
    assert (parts[0].masks[1] == held_out.masks[1]).all()
    for masks in zip(*(part.masks for part in parts), strict=True):
        assert (np.sum(masks, axis=0) == 1).all()


def test_small_slides_hold_none_out(slides):
    few = [replace(s, adata=s.adata[:17].copy(), kept=np.ones(17, bool)) for s in slides]
    assert hold_out(few, seed=0) is None


def test_held_out_spots_change_nothing_in_the_features_fitted_without_them(slides, cells):
    rng = np.random.default_rng(0)
    changed = []
    for slide, mask in zip(slides, hold_out(slides, 0).masks, strict=True):
        adata = slide.adata.copy()
        matrix = adata.X.toarray()
        matrix[mask] = rng.permutation(matrix[mask].ravel()).reshape(matrix[mask].shape)
        adata.X = type(adata.X)(matrix)
        adata.obsm["spatial"][mask] += 1e4
        changed.append(replace(slide, adata=adata))
    before, after = (
        Reference.fit(hold_out(s, 0).seen, cells, PreprocessConfig(), seed=0)
        for s in (slides, changed)
    )
    for name, array in before[0].arrays().items():
        assert array.tobytes() == after[0].arrays()[name].tobytes(), name
    assert before[1].tobytes() == after[1].tobytes()


def test_stress_is_0_for_the_truth_in_any_pose_and_1_for_a_point(held_out):
    places = held_out.places()
    turned = Pose(np.array([[0.0, 3.0], [-3.0, 0.0]]), np.array([5.0, -2.0])).apply
    assert held_out.stress(places) == pytest.approx(0, abs=1e-9)
    assert held_out.stress([turned(p) for p in places]) == pytest.approx(0, abs=1e-9)
    assert held_out.stress([np.zeros_like(p) for p in places]) == pytest.approx(1)
    rng = np.random.default_rng(0)
    shuffled = held_out.stress([rng.permutation(p) for p in places])
    assert 0.2 < shuffled < 1
