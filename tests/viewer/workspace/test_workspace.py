from __future__ import annotations

import gc
import re
import weakref
from pathlib import Path

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import spots_layer
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import Role, Workspace, workspace_of


def slide(n: int = 5, *, unit: str = "um") -> anndata.AnnData:
    adata = anndata.AnnData(X=np.ones((n, 2), np.float32))
    adata.obsm["spatial"] = np.arange(2.0 * n).reshape(n, 2)
    adata.uns["spatialrecon"] = {"unit": unit}
    return adata


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def space(viewer: ViewerModel) -> Workspace:
    return Workspace(viewer, memory=Memory({}))


def add_slide(viewer: ViewerModel, name: str = "C5", **options: object) -> object:
    data, kwargs, kind = spots_layer(slide(**options), name=name)
    return viewer._add_layer_from_data(data, kwargs, kind)[0]


def test_a_slide_that_is_added_is_listed_and_told(viewer: ViewerModel, space: Workspace) -> None:
    heard = []
    space.events.added.connect(heard.append)
    layer = add_slide(viewer)
    (entry,) = space.of_role(Role.SLIDE)
    assert heard == [entry] and entry.layer is layer and entry.table().n_obs == 5
    assert not entry.needs_scale


def test_what_was_open_before_is_found() -> None:
    viewer = ViewerModel()
    add_slide(viewer)
    assert len(Workspace(viewer, memory=Memory({}))) == 1


def test_deleting_the_layer_closes_the_slide(viewer: ViewerModel, space: Workspace) -> None:
    heard = []
    space.events.removed.connect(heard.append)
    layer = add_slide(viewer)
    entry = space.of_layer(layer)
    table = entry.table()
    viewer.layers.remove(layer)
    assert heard == [entry] and len(space) == 0
    assert entry.table() is table, "a run that uses it keeps its table"


def test_two_viewers_do_not_disturb_each_other() -> None:
    one, two = ViewerModel(), ViewerModel()
    first, second = workspace_of(one), workspace_of(two)
    assert first is workspace_of(one) and first is not second
    add_slide(one)
    assert (len(first), len(second)) == (1, 0)


def test_the_same_file_twice_is_one_entry_with_a_note(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    first = space.add("cells", Role.QUERY, adata=slide(), path=path)
    again = space.add("cells", Role.QUERY, adata=slide(), path=tmp_path / "." / "cells.h5ad")
    assert again is first and len(space) == 1
    assert "opened again" in first.notes[0]


def test_names_stay_unique(space: Workspace) -> None:
    names = [space.add("C5", Role.SLIDE, um_per_unit=1.0).name for _ in range(3)]
    assert names == ["C5", "C5 [2]", "C5 [3]"]


def test_an_image_without_scale_asks_for_it_and_remembers(tmp_path: Path) -> None:
    store: dict[str, str] = {}
    viewer = ViewerModel()
    space = Workspace(viewer, memory=Memory(store))
    layer = viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="scan")
    entry = space.of_layer(layer)
    assert entry.role is Role.HISTOLOGY and entry.needs_scale
    space.set_scale(entry, 0.5)
    np.testing.assert_allclose(layer.scale, [0.5, 0.5])
    assert str(layer.units[0]) == "micrometer" and not entry.needs_scale

    later = ViewerModel()
    other = Workspace(later, memory=Memory(store))
    again = other.of_layer(later.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True, name="scan"))
    assert again.um_per_unit == 0.5 and "as entered before" in again.notes[0]


def test_correcting_a_scale_starts_from_the_pixel_again(
    viewer: ViewerModel, space: Workspace
) -> None:
    layer = viewer.add_image(np.zeros((8, 8)))
    entry = space.of_layer(layer)
    space.set_scale(entry, 0.5)
    space.set_scale(entry, 2.0)
    np.testing.assert_allclose(layer.scale, [2.0, 2.0])


def test_the_scale_of_a_slide_reaches_all_that_came_from_its_file(
    viewer: ViewerModel, space: Workspace, tmp_path: Path
) -> None:
    path = str(tmp_path / "C5.h5ad")
    details = {"path": path}
    data, kwargs, kind = spots_layer(slide(unit="px"), name="C5", metadata=details)
    spots = viewer._add_layer_from_data(data, kwargs, kind)[0]
    metadata = {OURS: {"role": "histology", "um_per_unit": None, **details}}
    image = viewer.add_image(
        np.zeros((8, 8, 3), np.uint8), rgb=True, scale=(4, 4), metadata=metadata
    )
    space.set_scale(space.of_layer(spots), 0.5)
    np.testing.assert_allclose(image.scale, [2.0, 2.0])
    np.testing.assert_allclose(spots.scale, [0.5, 0.5])
    assert space.of_layer(image).um_per_unit == 0.5
    from napari_spatialrecon.viewer.canvas.layers import to_adata

    np.testing.assert_allclose(to_adata(spots).obsm["spatial"], slide().obsm["spatial"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), "", "minus one", "-2,5"])
def test_a_scale_that_is_none_is_refused_as_it_was_typed(
    viewer: ViewerModel, space: Workspace, scale: float | str
) -> None:
    entry = space.of_layer(viewer.add_image(np.zeros((8, 8))))
    with pytest.raises(InputError, match=re.escape(f"positive number of µm, found {scale!r}")):
        space.set_scale(entry, scale)
    assert entry.needs_scale


def test_a_scale_may_be_typed_with_a_comma(viewer: ViewerModel, space: Workspace) -> None:
    entry = space.of_layer(viewer.add_image(np.zeros((8, 8))))
    space.set_scale(entry, " 2,5 ")
    assert entry.um_per_unit == 2.5


def test_a_layer_of_napari_spatialdata_is_a_slide(viewer: ViewerModel, space: Workspace) -> None:
    table = anndata.AnnData(X=np.ones((3, 2), np.float32))
    metadata = {"sdata": object(), "adata": table, "region_key": "region", "name": "spots"}
    viewer.add_points(np.array([[1.0, 2], [3, 4], [5, 6]]), metadata=metadata, units="um")
    (entry,) = space.of_role(Role.SLIDE)
    adopted = entry.table()
    assert adopted.shape == (3, 2)
    np.testing.assert_array_equal(adopted.obsm["spatial"], [[2.0, 1], [4, 3], [6, 5]])
    assert "spatial" not in table.obsm, "the table of others is not changed"


def test_plain_points_are_taken_only_when_asked(viewer: ViewerModel, space: Workspace) -> None:
    layer = viewer.add_points([[1.0, 2.0]])
    assert len(space) == 0
    entry = space.adopt(layer, Role.QUERY)
    assert entry.role is Role.QUERY and entry.table().n_obs == 1
    assert space.adopt(layer, Role.SLIDE) is entry and entry.role is Role.SLIDE


def test_layers_that_cannot_serve_are_refused_in_words(
    viewer: ViewerModel, space: Workspace
) -> None:
    volume = viewer.add_image(np.zeros((3, 8, 8)))
    shapes = viewer.add_shapes()
    assert len(space) == 0
    for layer in (volume, shapes):
        with pytest.raises(InputError, match="points or an image in two dimensions"):
            space.adopt(layer)


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8), np.uint16)]
)
def test_grey_rgba_and_16_bit_images_can_be_histology(
    viewer: ViewerModel, space: Workspace, pixels: np.ndarray
) -> None:
    layer = viewer.add_image(pixels, rgb=pixels.ndim == 3)
    assert space.of_layer(layer).role is Role.HISTOLOGY


def test_what_cannot_be_remembered_is_forgotten() -> None:
    memory = Memory({"scales": "not json", "forms": "[1]"})
    assert memory.scale("a") is None and memory.form("place") == {}
    memory.remember_form("place", {"steps": 3})
    assert memory.form("place") == {"steps": 3}


def test_the_scale_bar_comes_with_the_first_micrometres_and_is_then_the_users(
    viewer: ViewerModel, space: Workspace
) -> None:
    viewer.add_image(np.zeros((8, 8)))
    assert not viewer.canvas.overlays.scale_bar.visible
    add_slide(viewer)
    assert viewer.canvas.overlays.scale_bar.visible
    viewer.canvas.overlays.scale_bar.visible = False
    add_slide(viewer, "C3")
    assert not viewer.canvas.overlays.scale_bar.visible


def test_an_image_that_is_opened_on_its_own_has_the_size_that_its_file_states(
    viewer: ViewerModel, space: Workspace, tmp_path: Path
) -> None:
    import tifffile
    from napari.layers._source import layer_source

    path, pixels = tmp_path / "he.ome.tif", np.zeros((30, 20, 3), np.uint8)
    stated = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=stated)
    with layer_source(path=str(path)):
        layer = viewer.add_image(pixels, rgb=True)
    (entry,) = space.of_role(Role.HISTOLOGY)
    assert entry.um_per_unit == 0.25 and not entry.needs_scale
    np.testing.assert_allclose(layer.scale, [0.25, 0.25])
    assert "0.25 µm per pixel, as he.ome.tif states." in entry.notes
    space.set_scale(entry, 0.5)
    assert entry.um_per_unit == 0.5


def opened() -> weakref.ref[ViewerModel]:
    """A viewer that its layer knows by an event, as layers do that are on napari's canvas."""
    viewer = ViewerModel()
    add_slide(viewer).events.name.connect(lambda event: viewer.layers)
    assert len(workspace_of(viewer)) == 1
    return weakref.ref(viewer)


def test_a_viewer_whose_layers_know_it_is_let_go_with_its_workspace() -> None:
    held = opened()
    gc.collect()
    assert held() is None
