from __future__ import annotations

import numpy as np
import pytest
import qtpy
from napari.layers import Layer, Points

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import spots_layer, to_adata
from napari_spatialrecon.viewer.canvas.table_metadata import set_table, table_of


def shown(slide) -> Points:
    return Layer.create(*spots_layer(slide, name="C5"))


def test_the_table_of_a_layer_is_the_one_it_was_made_from(slide) -> None:
    layer = shown(slide)
    before = list(slide.obs)
    assert table_of(layer) is slide
    assert list(slide.obs) == before and "spatialdata_attrs" not in slide.uns
    assert list(to_adata(layer).obs) == before
    other = slide.copy()
    set_table(layer, other, um_per_unit=3.0)
    assert table_of(layer) is other and layer.metadata[OURS]["um_per_unit"] == 3.0
    assert layer.metadata[OURS]["role"] == "slide"


def test_what_napari_spatialdata_reads_is_there_and_shares_the_arrays(slide) -> None:
    slide.obs["layer_name"] = "own"
    metadata = shown(slide).metadata
    table = metadata["adata"]
    keys = table.uns["spatialdata_attrs"]
    assert (table.obs["layer_name"] == "own").all() and keys["region_key"] == "layer_name_"
    assert metadata["indices"] == table.obs[keys["instance_key"]].tolist()
    assert np.shares_memory(table.X, slide.X)
    assert not metadata["name"] and "sdata" not in metadata


def test_a_table_of_spatialdata_keeps_its_own_names_of_rows(slide) -> None:
    slide.obs["region"], slide.obs["cell"] = "shapes", np.arange(30) + 7
    slide.uns["spatialdata_attrs"] = {
        "region": "shapes",
        "region_key": "region",
        "instance_key": "cell",
    }
    metadata = shown(slide).metadata
    assert metadata["adata"] is slide and metadata["indices"][:2] == [7, 8]


def test_a_layer_of_napari_spatialdata_stays_one_of_its_elements(slide) -> None:
    sdata = object()
    layer = Points(np.zeros((30, 2)), metadata={"sdata": sdata, "adata": slide, "name": "spots"})
    set_table(layer, slide.copy())
    assert layer.metadata["sdata"] is sdata and layer.metadata["name"] == "spots"


def test_the_view_of_napari_spatialdata_colors_our_layer(make_napari_viewer, slide) -> None:
    if qtpy.PYSIDE6:
        pytest.skip("napari-spatialdata imports what pyqtgraph has with PyQt only")
    pytest.importorskip("napari_spatialdata", reason="napari-spatialdata is not installed")
    from napari_spatialdata._model import DataModel
    from napari_spatialdata._view import QtAdataViewWidget

    viewer = make_napari_viewer()
    layer = viewer.add_layer(shown(slide))
    viewer.layers.selection = {layer}
    view = QtAdataViewWidget(viewer, model=DataModel())
    viewer.window.add_dock_widget(view)
    genes = [view.var_widget.item(row).text() for row in range(view.var_widget.count())]
    assert genes == list(slide.var_names)
    view.var_widget._onAction((genes[1],))
    gene = slide.X[:, 1]
    brightest, darkest = layer.face_color[gene.argmax()], layer.face_color[gene.argmin()]
    np.testing.assert_allclose(brightest[:3], [0.993248, 0.906157, 0.143936], atol=1e-4)
    np.testing.assert_allclose(darkest[:3], [0.267004, 0.004874, 0.329415], atol=1e-4)
    view.obs_widget._onAction(("domain",))
    colors = {tuple(c) for c in layer.face_color[(slide.obs["domain"] == "a").to_numpy()]}
    assert len(colors) == 1
    assert table_of(layer) is slide
