from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.alignments.frames import Frames
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.reader import NO_LAYERS, get_reader, read
from napari_spatialrecon.viewer.workspace.opening import open_in_turn
from napari_spatialrecon.viewer.workspace.workspace import workspace_of


@pytest.fixture
def half(slide: anndata.AnnData, tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """A slide's file, a region over its left half, and which spots it holds."""
    slide.write_h5ad(tmp_path / "C5.h5ad")
    xy = np.asarray(slide.obsm["spatial"]) / Frames.of(slide).image_pixel
    edge = float(np.median(xy[:, 0])) + 0.01
    low, high = float(xy.min()) - 5, float(xy.max()) + 5
    ring = [[low, low], [edge, low], [edge, high], [low, high], [low, low]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": {"name": "Tumor", "color": [200, 0, 0]}},
    }
    path = tmp_path / "C5.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return tmp_path / "C5.h5ad", path, xy[:, 0] < edge


def show(viewer: ViewerModel, layers: list[Any]) -> None:
    for layer in layers:
        if layer[0] is not None:
            viewer._add_layer_from_data(*layer)


def test_regions_mark_the_slide_and_color_its_layer(
    viewer: ViewerModel, half: tuple[Path, Path, np.ndarray]
) -> None:
    table, path, inside = half
    show(viewer, read(str(table)))
    assert get_reader(str(path)) is not None and read(str(path)) == NO_LAYERS
    layer = viewer.layers["C5 spots"]
    adata = layer.metadata["adata"]
    assert (adata.obs["region"].notna().to_numpy() == inside).all()
    assert list(adata.uns["region_colors"]) == ["#c80000"]
    key = color_key(layer)
    assert key is not None and key.title == "region" and key.entries[0].name == "Tumor"
    assert key.entries[0].color[:3] == pytest.approx((200 / 255, 0, 0), abs=0.01)
    np.testing.assert_allclose(
        layer.face_color[inside, :3], [[200 / 255, 0, 0]] * int(inside.sum()), atol=0.01
    )
    entry = workspace_of(viewer).of_layer(layer)
    assert entry is not None and "region" in entry.table().obs
    assert f"{inside.sum():,} of" in notification_manager.records[-1].message
    assert "region" not in anndata.read_h5ad(table).obs


def test_another_file_gets_another_column(
    viewer: ViewerModel, half: tuple[Path, Path, np.ndarray]
) -> None:
    table, path, _ = half
    show(viewer, read(str(table)))
    read(str(path))
    read(str(path))
    assert {"region", "region_2"} <= set(viewer.layers["C5 spots"].metadata["adata"].obs)


def test_regions_without_a_slide_are_refused_and_opening_it_first_helps(
    viewer: ViewerModel, half: tuple[Path, Path, np.ndarray]
) -> None:
    table, path, _ = half
    with pytest.raises(InputError, match="open slide") as caught:
        read(str(path))
    assert caught.value.remedy == "Try opening the slide first."
    show(viewer, read(str(table)))
    assert read(str(path)) == NO_LAYERS


def test_a_slide_and_its_regions_can_be_dropped_together(
    make_napari_viewer: Any, qtbot: Any, half: tuple[Path, Path, np.ndarray]
) -> None:
    table, path, inside = half
    viewer = make_napari_viewer()
    open_in_turn(viewer, [table, path])
    qtbot.waitUntil(
        lambda: (
            "C5 spots" in viewer.layers
            and "region" in viewer.layers["C5 spots"].metadata["adata"].obs
        ),
        timeout=20_000,
    )
    marked = viewer.layers["C5 spots"].metadata["adata"].obs["region"]
    assert (marked.notna().to_numpy() == inside).all()
