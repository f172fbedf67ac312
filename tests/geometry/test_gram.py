from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.gram import canonical, gram, layout_from_gram
from napari_spatialrecon.geometry.procrustes import procrustes_error

POINTS = np.random.default_rng(0).normal(size=(30, 2)) + 5


def test_a_layout_comes_back_from_its_gram_matrix() -> None:
    layout = layout_from_gram(gram(POINTS))
    assert procrustes_error(POINTS, layout) < 1e-12
    np.testing.assert_allclose(gram(layout), gram(POINTS), atol=1e-10)


def test_the_gram_matrix_knows_no_pose() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(gram(POINTS @ turn + 9), gram(POINTS), atol=1e-10)


def test_negative_eigenvalues_count_as_zero() -> None:
    np.testing.assert_array_equal(layout_from_gram(-np.eye(3)), np.zeros((3, 2)))


def test_a_gram_matrix_that_is_not_square_is_refused() -> None:
    with pytest.raises(InputError, match="square"):
        layout_from_gram(np.ones((3, 2)))


def test_the_canonical_layout_is_centred_with_radius_one() -> None:
    layout = canonical(POINTS)
    np.testing.assert_allclose(layout.mean(axis=0), 0, atol=1e-12)
    assert (layout**2).sum(axis=1).mean() == pytest.approx(1)
    with pytest.raises(InputError, match="different places"):
        canonical(np.ones((4, 2)))
