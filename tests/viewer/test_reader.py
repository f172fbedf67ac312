from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.reader import NO_LAYERS, get_reader, read
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of


def show(viewer: ViewerModel, layers: list[Any]) -> None:
    for layer in layers:
        if layer[0] is not None:
            viewer._add_layer_from_data(*layer)


def said() -> str:
    return notification_manager.records[-1].message


def write(adata: anndata.AnnData, folder: Path, name: str = "C5.h5ad") -> str:
    adata.write_h5ad(folder / name)
    return str(folder / name)


def test_a_slide_opens_with_its_histology_below_its_spots(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    path = write(slide, tmp_path)
    reader = get_reader(path)
    assert reader is not None
    show(viewer, reader(path))
    assert [layer.name for layer in viewer.layers] == ["C5 H&E", "C5 spots"]
    roles = {entry.name: entry.role for entry in workspace_of(viewer)}
    assert roles == {"C5 H&E": Role.HISTOLOGY, "C5 spots": Role.SLIDE}
    image, spots = viewer.layers
    np.testing.assert_allclose(image.scale, [10.0, 10.0])
    np.testing.assert_allclose(spots.size, 55.0)


def test_the_same_file_twice_stays_one(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    path = write(slide, tmp_path)
    show(viewer, read(path))
    assert read(path) == NO_LAYERS
    assert "is already open" in said()
    assert len(workspace_of(viewer)) == 2


def test_after_its_layers_are_deleted_a_file_opens_again(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    path = write(slide, tmp_path)
    show(viewer, read(path))
    viewer.layers.clear()
    assert len(read(path)) == 2


def test_cells_without_place_are_listed_as_cells_to_place(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    del slide.obsm["spatial"]
    assert read(write(slide, tmp_path, "batch 1.h5ad")) == NO_LAYERS
    (entry,) = workspace_of(viewer).of_role(Role.QUERY)
    assert entry.name == "batch 1" and entry.table().n_obs == 30
    assert "30 cells to place" in said()


def test_a_slide_whose_image_is_broken_still_shows_its_spots(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    del slide.uns["spatial"]["C5"]["scalefactors"]["tissue_hires_scalef"]
    layers = read(write(slide, tmp_path))
    assert [kwargs["name"] for _, kwargs, _ in layers] == ["C5 spots"]
    assert notification_manager.records[-1].severity == "error"


def test_scattered_cells_are_not_called_spots(
    viewer: ViewerModel, slide: anndata.AnnData, tmp_path: Path
) -> None:
    del slide.uns["spatial"]
    slide.obsm["spatial"] = np.random.default_rng(1).uniform(0, 100, (30, 2))
    layers = read(write(slide, tmp_path, "xenium.h5ad"))
    assert [kwargs["name"] for _, kwargs, _ in layers] == ["xenium cells"]


@pytest.mark.parametrize("name", ["photo.h5ad", "notes.txt", "folder"])
def test_foreign_files_are_left_to_others(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir() if name == "folder" else path.write_bytes(b"not ours")
    assert get_reader(str(path)) is None
    assert get_reader([str(path)]) is None and get_reader([]) is None


def test_a_damaged_file_says_so_and_leaves_the_layers(viewer: ViewerModel, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5ad"
    path.write_bytes(b"\x89HDF\r\n\x1a\nrest")
    with pytest.raises(InputError, match="truncated or damaged"):
        read(str(path))
    assert len(viewer.layers) == 0 and len(workspace_of(viewer)) == 0


@pytest.mark.realdata
def test_a_real_section_lies_on_its_histology(viewer: ViewerModel, realdata: Path) -> None:
    show(viewer, read(str(realdata / "st_her2_he" / "C5.h5ad")))
    image, spots = viewer.layers
    np.testing.assert_allclose(spots.size, 100.0, rtol=0.01)
    pixels = np.array([image.world_to_data(spots.data_to_world(p)) for p in spots.data])
    inside = np.asarray(image.data)[tuple(np.rint(pixels).astype(int).T)]
    around = np.asarray(image.data)[::50, ::50].reshape(-1, 3)
    assert inside.mean() < around.mean() - 20, "tissue is darker than the glass around it"
