"""Images of scanners, opened on their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer import reader
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import Role, Workspace

RGB = np.random.default_rng(0).integers(0, 255, (64, 48, 3)).astype(np.uint8)


def svs(path: Path, mpp: str = "|MPP = 0.4990") -> Path:
    text = f"Aperio Image Library v11.2.1\r\n48x64 |AppMag = 20{mpp}"
    options = {"photometric": "rgb", "tile": (16, 16), "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(RGB, description=text, **options)
        tiff.write(RGB[::2, ::2], description=text, subfiletype=1, **options)
    return path


def ngff(folder: Path) -> Path:
    group = zarr.open_group(folder, mode="w", zarr_format=2)
    group.create_array("0", data=np.ascontiguousarray(np.moveaxis(RGB, -1, 0)))
    unit = {"type": "space", "unit": "micrometer"}
    scale = [{"type": "scale", "scale": [1, 0.25, 0.25]}]
    axes = [{"name": "c", "type": "channel"}, {"name": "y", **unit}, {"name": "x", **unit}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return folder


@pytest.mark.parametrize(
    ("write", "name", "um"), [(svs, "he.svs", 0.499), (ngff, "he.ome.zarr", 0.25)]
)
def test_an_image_lies_in_um_and_needs_no_number_typed(tmp_path, write, name, um) -> None:
    path = write(tmp_path / name)
    assert reader.get_reader(str(path)) is not None
    (layer,) = reader.get_reader(str(path))(str(path))
    viewer = ViewerModel()
    space = Workspace(viewer, memory=Memory({}))
    (shown,) = viewer._add_layer_from_data(*layer)
    np.testing.assert_allclose(shown.scale, [um, um])
    assert shown.name == "he H&E" and {str(unit) for unit in shown.units} == {"micrometer"}
    (entry,) = space.of_role(Role.HISTOLOGY)
    assert entry.um_per_unit == um and not entry.needs_scale and entry.path == path
    finest = shown.data[0] if shown.multiscale else shown.data
    np.testing.assert_array_equal(np.asarray(finest[3:9, 5:20]), RGB[3:9, 5:20])


def test_an_image_that_states_no_size_asks_for_it(tmp_path) -> None:
    path = svs(tmp_path / "he.svs", "")
    viewer = ViewerModel()
    space = Workspace(viewer, memory=Memory({}))
    viewer._add_layer_from_data(*reader.read(str(path))[0])
    (entry,) = space.of_role(Role.HISTOLOGY)
    assert entry.needs_scale


def test_a_damaged_image_is_refused_and_other_images_are_left_to_napari(tmp_path) -> None:
    path = tmp_path / "he.svs"
    path.write_bytes(b"II*\0rubbish")
    with pytest.raises(InputError, match="Expected an image"):
        reader.read(str(path))
    tifffile.imwrite(tmp_path / "he.tif", RGB)
    assert reader.get_reader(str(tmp_path / "he.tif")) is None
    assert reader.get_reader(str(tmp_path)) is None
