from __future__ import annotations

import inspect

import numpy as np
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.read import read_adata

sd = pytest.importorskip("spatialdata", reason="spatialdata is not installed")

#: Functions whose argument is a SpatialData object as such.
AS_SUCH = {"to_spatialdata", "set_alignment"}


@pytest.fixture(scope="module")
def objects(tiny):
    """The slides and cells of a simulation as SpatialData."""
    slides = [sr.to_spatialdata(slide, name=f"s{i}") for i, slide in enumerate(tiny.slides)]
    cells = sd.SpatialData.init_from_elements({"cells": tiny.cells.copy()})
    return slides, cells


def test_a_task_gives_the_same_for_objects_as_for_tables(tiny, objects) -> None:
    slides, cells = objects
    expected = sr.place(dict(zip("ab", tiny.slides, strict=True)), tiny.cells, method="knn").adata
    found = sr.place(dict(zip("ab", slides, strict=True)), query=cells, method="knn").adata
    np.testing.assert_allclose(found.obsm["spatial"], expected.obsm["spatial"], atol=1e-6)
    mixture = sr.deconvolve(slides[0], cells, "cell_type", method="knn")
    assert mixture.adata.n_obs == tiny.slides[0].n_obs
    parts = sr.super_resolve(slides[0], "7", method="bilinear", spot_diameter=1.0)
    assert parts.adata.n_obs == 7 * tiny.slides[0].n_obs
    assert sr.histology(slides[0]).levels[0].shape == sr.histology(tiny.slides[0]).levels[0].shape


def test_every_public_function_that_takes_a_table_takes_an_object() -> None:
    for name in sr.__all__:
        function = getattr(sr, name)
        if not inspect.isfunction(function) or name in AS_SUCH:
            continue
        hints = str(inspect.signature(function).parameters.values())
        if "AnnData" in hints:
            assert hasattr(function, "__wrapped__"), name


def test_an_object_that_needs_a_choice_says_the_call_that_makes_it(objects, tiny) -> None:
    slide = sd.SpatialData.init_from_elements(
        {name: element for _, name, element in objects[0][0].gen_elements()}
    )
    slide["other"] = slide["s0"].copy()
    with pytest.raises(InputError) as caught:
        sr.deconvolve(slide, tiny.cells, "cell_type", method="knn")
    remedy = caught.value.remedy
    assert remedy == 'Try read_adata(sdata, table="s0") in place of sdata.'
    call = remedy.removeprefix("Try ").removesuffix(" in place of sdata.")
    chosen = eval(call, {"read_adata": read_adata, "sdata": slide})
    assert isinstance(chosen, AnnData) and chosen.n_obs == tiny.slides[0].n_obs
