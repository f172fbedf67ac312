from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from napari.components import ViewerModel
from napari.layers import Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.features import add_feature, drop_feature
from napari_spatialrecon.viewer.canvas.layers import (
    cells_layer,
    from_layer,
    histology_layer,
    layer_coordinates,
    spots_layer,
    to_adata,
    to_layer,
    transform_to_layer,
    um_per_layer_unit,
)

numbers = st.floats(-1e5, 1e5, allow_nan=False)
point_sets = st.integers(1, 20).flatmap(lambda n: arrays(np.float64, (n, 2), elements=numbers))
scales = st.floats(0.01, 100.0)
angles = st.floats(-360.0, 360.0)


def slide(n: int = 12, *, um: float | None = 0.5) -> anndata.AnnData:
    rng = np.random.default_rng(0)
    adata = anndata.AnnData(
        X=np.ones((n, 3), np.float32),
        obs=pd.DataFrame(
            {"type": pd.Categorical(rng.choice(["a", "b"], n)), "score": rng.random(n)},
            index=[f"s{i}" for i in range(n)],
        ),
    )
    adata.obsm["spatial"] = rng.uniform(0, 1000, (n, 2))
    if um:
        adata.uns["spatial"] = {
            "C5": {
                "scalefactors": {"spot_diameter_fullres": 200.0},
                "metadata": {"um_per_fullres_px": um},
            }
        }
    return adata


def add(viewer: ViewerModel, data: tuple) -> Points:
    return viewer._add_layer_from_data(*data)[0]


@given(point_sets, scales)
def test_there_and_back_is_the_same_place(points: np.ndarray, scale: float) -> None:
    np.testing.assert_allclose(from_layer(to_layer(points, scale), scale), points, atol=1e-6)


@given(point_sets, scales)
def test_x_is_the_last_axis_of_the_layer_and_y_the_first(points: np.ndarray, scale: float) -> None:
    there = to_layer(points, scale)
    np.testing.assert_array_equal(there[:, 1], points[:, 0] * scale)
    np.testing.assert_array_equal(there[:, 0], points[:, 1] * scale)


@given(point_sets, scales, angles, st.booleans(), numbers, numbers)
def test_moving_then_flipping_is_flipping_then_moving(
    points: np.ndarray, scale: float, angle: float, flip: bool, x: float, y: float
) -> None:
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    linear = scale * np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, (x, y)
    in_layer = transform_to_layer(matrix, 0.7)
    moved = to_layer(points @ linear.T + [x, y], 0.7)
    here = to_layer(points, 0.7) @ in_layer[:2, :2].T + in_layer[:2, 2]
    np.testing.assert_allclose(here, moved, rtol=1e-6, atol=1e-3)


@settings(deadline=None)
@given(point_sets, scales, angles, st.booleans())
def test_what_is_read_back_is_where_the_points_are_seen(
    points: np.ndarray, scale: float, angle: float, flip: bool
) -> None:
    sign = -1.0 if flip else 1.0
    layer = Points(
        to_layer(points), scale=(scale, sign * scale), rotate=angle, translate=(3.0, -2.0)
    )
    seen = np.array([layer.data_to_world(p) for p in layer.data])[:, ::-1]
    np.testing.assert_allclose(layer_coordinates(layer), seen, rtol=1e-6, atol=1e-3)


def test_millimetres_are_read_back_as_micrometres() -> None:
    layer = Points(np.array([[1.0, 2.0]]), units=("mm", "mm"))
    np.testing.assert_allclose(layer_coordinates(layer), [[2000.0, 1000.0]])


def test_spots_are_in_micrometres_at_their_true_diameter() -> None:
    adata, viewer = slide(), ViewerModel()
    layer = add(viewer, spots_layer(adata, name="C5"))
    assert layer.name == "C5 spots"
    assert [str(u) for u in layer.units] == ["micrometer", "micrometer"]
    assert layer.axis_labels == ("y", "x")
    np.testing.assert_allclose(layer.size, 100.0)
    np.testing.assert_allclose(layer.data, adata.obsm["spatial"][:, ::-1] * 0.5)
    assert layer.canvas_size_limits[0] >= 2
    assert layer.metadata[OURS]["um_per_unit"] == 0.5


def test_without_a_scale_the_layer_keeps_the_unit_and_says_so() -> None:
    adata, viewer = slide(um=None), ViewerModel()
    layer = add(viewer, spots_layer(adata, name="C5"))
    np.testing.assert_allclose(layer.data, adata.obsm["spatial"][:, ::-1])
    assert layer.metadata[OURS]["um_per_unit"] is None
    assert um_per_layer_unit(layer) is None and layer.metadata[OURS]["unit"] == "unit"


def test_a_layer_without_a_scale_costs_others_no_unit() -> None:
    viewer = ViewerModel()
    for um in (0.5, None):
        add(viewer, spots_layer(slide(um=um), name="C5"))
    assert viewer.layers.extent.units is not None


def test_cells_are_ten_micrometres_wide_unless_told_otherwise() -> None:
    _, kwargs, kind = cells_layer(slide(), name="batch 1 · GEARS", metadata={"seed": 0})
    assert kind == "points" and kwargs["size"] == pytest.approx(10.0)
    assert kwargs["name"] == "batch 1 · GEARS"
    assert kwargs["metadata"][OURS]["seed"] == 0
    assert cells_layer(slide(), name="c", diameter=40.0)[1]["size"] == pytest.approx(20.0)


@pytest.mark.parametrize("um", [None, 0.5])
def test_a_slide_comes_back_from_its_layer_as_it_was(um: float | None) -> None:
    adata, viewer = slide(um=um), ViewerModel()
    back = to_adata(add(viewer, spots_layer(adata, name="C5")))
    np.testing.assert_allclose(back.obsm["spatial"], adata.obsm["spatial"])
    pd.testing.assert_frame_equal(back.obs, adata.obs)
    np.testing.assert_array_equal(back.X, adata.X)
    again = add(viewer, spots_layer(back, name="C5"))
    np.testing.assert_allclose(again.data, viewer.layers[0].data)


def test_deleted_points_are_gone_and_hand_made_ones_left_out() -> None:
    adata, viewer = slide(), ViewerModel()
    layer = add(viewer, spots_layer(adata, name="C5"))
    layer.selected_data = {0, 3}
    layer.remove_selected()
    layer.feature_defaults["obs_names"] = "by hand"
    layer.add([[1.0, 1.0]])
    back = to_adata(layer)
    assert list(back.obs_names) == [f"s{i}" for i in range(12) if i not in (0, 3)]


def test_reading_a_layer_back_leaves_its_table_alone() -> None:
    adata, viewer = slide(), ViewerModel()
    before = adata.copy()
    layer = add(viewer, spots_layer(adata, name="C5"))
    layer.translate = (10, 10)
    to_adata(layer)
    np.testing.assert_array_equal(adata.obsm["spatial"], before.obsm["spatial"])


def test_a_plain_points_layer_becomes_a_table_without_genes() -> None:
    layer = Points(np.array([[1.0, 2.0], [3.0, 4.0]]), features={"k": [1, 2]}, units="um")
    back = to_adata(layer)
    assert back.shape == (2, 0)
    np.testing.assert_array_equal(back.obsm["spatial"], [[2.0, 1.0], [4.0, 3.0]])
    assert back.uns[OURS]["unit"] == "um"


def test_layers_in_three_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="two dimensions, found 3"):
        layer_coordinates(Points(np.zeros((2, 3))))


def test_metadata_is_what_napari_spatialdata_reads_without_claiming_an_element() -> None:
    metadata = spots_layer(slide(), name="C5")[1]["metadata"]
    assert metadata["adata"].n_obs == 12
    assert {"region_key", "instance_key"} <= set(metadata)
    assert not metadata["name"] and "sdata" not in metadata


class Picture:
    levels = (np.zeros((40, 60, 3), np.uint8), np.zeros((20, 30, 3), np.uint8))
    units_per_pixel = 4.0
    name = "C5"


def test_histology_is_a_multiscale_image_in_micrometres() -> None:
    viewer = ViewerModel()
    layer = add(viewer, histology_layer(Picture(), 0.5))
    assert layer.name == "C5 H&E" and layer.multiscale and layer.rgb
    np.testing.assert_allclose(layer.scale, [2.0, 2.0])
    assert str(layer.units[0]) == "micrometer"


def test_spots_lie_on_the_pixels_they_were_measured_on() -> None:
    viewer = ViewerModel()
    image = add(viewer, histology_layer(Picture(), 0.5))
    adata = slide(4)
    pixels = np.array([[0, 0], [10, 5], [59, 39], [30, 20]], float)
    adata.obsm["spatial"] = pixels * Picture.units_per_pixel
    spots = add(viewer, spots_layer(adata, name="C5"))
    on_image = np.array([image.world_to_data(spots.data_to_world(p)) for p in spots.data])
    np.testing.assert_allclose(on_image[:, ::-1], pixels)


def test_a_column_is_added_and_dropped_without_copying_the_others() -> None:
    layer = Points(np.zeros((3, 2)), features={"name": ["a", "b", "c"], "x": [1.0, 2.0, 3.0]})
    names, before, told = layer.features["name"].to_numpy(), layer.features, []
    layer.events.features.connect(lambda event: told.append(list(layer.features)))
    add_feature(layer, "kind", pd.Categorical(["u", "v", "u"]))
    assert layer.features is not before and list(before) == ["name", "x"]
    assert np.shares_memory(layer.features["name"].to_numpy(), names)
    assert list(layer.features["kind"]) == ["u", "v", "u"]
    assert list(layer.feature_defaults) == ["name", "x", "kind"]
    drop_feature(layer, "kind")
    assert np.shares_memory(layer.features["name"].to_numpy(), names)
    assert list(layer.feature_defaults) == ["name", "x"]
    assert told == [["name", "x", "kind"], ["name", "x"]]
    layer.features = {"y": [1, 2, 3]}
    assert list(layer.features) == ["y"], "napari takes features as it did"
