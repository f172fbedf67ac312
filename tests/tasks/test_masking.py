"""A user's own pairs of spots reach the method that learns from pairs, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.errors import CheckpointError, InputError, Stopped, ValidationError

SETTINGS = {
    "members": 1, "validate": False, "network.width": 16, "training.steps": 12,
}  # fmt: skip


def halves(slide):
    """Pairs within the left and within the right half of a slide."""
    left = slide.obsm["spatial"][:, 0] < np.median(slide.obsm["spatial"][:, 0])
    return left[:, None] == left


@pytest.fixture(scope="module")
def one(tiny):
    """A slide whose third spot has no counts, so that it is left out."""
    slide = tiny.slides[0].copy()
    filled = np.ones((slide.n_obs, 1))
    filled[2] = 0
    slide.X = sparse.csr_matrix(slide.X.multiply(filled))
    return slide


def placed(one, tiny, masks, **more):
    given = {"method": "dpvae", "settings": SETTINGS, "device": "cpu", **more}
    return sr.place({"one": one}, tiny.cells[:50].copy(), masks=masks, **given)


def test_a_mask_of_pairs_does_what_the_same_pieces_in_a_column_do(one, tiny):
    mask = halves(one)
    marked = one.copy()
    marked.obs["torn"] = one.obsm["spatial"][:, 0] < np.median(one.obsm["spatial"][:, 0])
    by_column = placed(marked, tiny, None).adata.obsm["spatial"]
    by_mask = placed(one, tiny, {"one": mask})
    np.testing.assert_array_equal(by_mask.adata.obsm["spatial"], by_column)
    in_training = sr.train(
        {"one": one}, method="dpvae", settings=SETTINGS, device="cpu", masks={"one": mask}
    )
    plain = sr.train({"one": one}, method="dpvae", settings=SETTINGS, device="cpu")
    assert in_training.record["settings"]["masks"] == by_mask.record.settings["masks"]
    weights = [m.method.networks[0].state_dict()["mean.weight"] for m in (in_training, plain)]
    assert not np.array_equal(*weights)


def test_a_run_is_not_resumed_with_another_mask(one, tiny, tmp_path):
    calls, run = iter(range(100)), {"folder": tmp_path / "run"}
    with pytest.raises(Stopped):
        placed(one, tiny, {"one": halves(one)}, should_stop=lambda: next(calls) > 8, **run)
    with pytest.raises(CheckpointError, match="found another masks"):
        placed(one, tiny, None, resume=True, **run)


def test_masks_that_do_not_fit_are_refused_all_at_once(one, tiny):
    n = one.n_obs
    lopsided = sparse.csr_matrix(([True], ([0], [1])), (n, n))
    with pytest.raises(ValidationError) as caught:
        placed(one, tiny, {"one": lopsided, "two": halves(one)})
    assert [problem.message for problem in caught.value.problems] == [
        "Expected a slide for each mask, found none named 'two'.",
        "Expected a symmetric mask, found another.",
    ]
    with pytest.raises(ValidationError, match=rf"Expected a mask of {n} x {n} spots, found"):
        placed(one, tiny, {"one": np.ones((n - 1, n - 1))})


@pytest.mark.parametrize("method", ["knn", "gears", "auto"])
def test_a_method_without_pairs_takes_no_masks(one, tiny, method):
    with pytest.raises(InputError, match=f"some pairs only, found method {method}"):
        placed(one, tiny, {"one": halves(one)}, method=method, settings={})
