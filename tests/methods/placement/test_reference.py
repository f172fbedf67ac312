"""Slides in the methods' common frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


def test_a_reference_comes_back_from_its_arrays(methods):
    reference = methods["knn"].reference
    back = Reference.from_arrays(reference.space.genes, reference.describe(), reference.arrays())
    for name, array in reference.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array, err_msg=name)
    assert back.slides == reference.slides
    assert [len(p) for p in back.places] == [len(p) for p in reference.places]


def test_slides_of_which_only_some_have_a_size_are_refused(slides, cells):
    unknown = slides[1].adata.copy()
    unknown.uns.clear()
    unknown.obs = unknown.obs.drop(columns=["array_row", "array_col"])
    with pytest.raises(InputError, match="found it missing for two") as caught:
        Reference.fit(
            [slides[0], replace(slides[1], adata=unknown)], cells, PreprocessConfig(), seed=0
        )
    assert caught.value.remedy


def test_places_are_in_the_frame(slides, cells):
    reference, _ = Reference.fit(slides, cells, PreprocessConfig(), seed=0)
    for i, slide in enumerate(slides):
        back = reference.frame.restore(reference.places[i], i)
        np.testing.assert_allclose(back, slide.adata.obsm["spatial"])
    assert reference.names == ("one", "two")
    assert {s.unit for s in reference.slides} == {"px"}
