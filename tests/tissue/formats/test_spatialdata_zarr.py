from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.micrometres import micrometres
from napari_spatialrecon.tissue.read import read_adata

sd = pytest.importorskip("spatialdata", reason="spatialdata is not installed")
from spatialdata._io.format import SpatialDataContainerFormatV01  # noqa: E402
from spatialdata.models import (  # noqa: E402
    Image2DModel,
    Labels2DModel,
    PointsModel,
    ShapesModel,
    TableModel,
)
from spatialdata.transformations import (  # noqa: E402
    Affine,
    Identity,
    Scale,
    Sequence,
    Translation,
    get_transformation,
    set_transformation,
)

RNG = np.random.default_rng(0)
PIXELS = RNG.uniform(8, 90, (12, 2)).round()
"""Where spots lie in pixels (column, row) of the image that `painted` returns."""


def affine(matrix):
    return Affine(np.asarray(matrix, float), ("x", "y"), ("x", "y"))


def turned(angle, scale, shift):
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1]])


def painted(height=100, width=110, factor=1):
    """An image, black but for a white mark at each spot."""
    image = np.zeros((3, height * factor, width * factor), np.uint8)
    for column, row in PIXELS.astype(int) * factor:
        image[:, row : row + factor, column : column + factor] = 255
    return image


def a_table(n=12, region="spots", obs=None, **columns):
    counts = RNG.poisson(3.0, (n, 4)).astype(np.float32)
    names = [f"cell {i}" for i in range(n)]
    frame = pd.DataFrame({"region": pd.Categorical([region] * n), "id": range(n)}, index=names)
    table = AnnData(counts, obs=frame.assign(**columns))
    table.var_names = list("abcd")
    return TableModel.parse(table, region=region, region_key="region", instance_key="id")


def circles(points, transformations, radius=2.0):
    return ShapesModel.parse(
        np.asarray(points), geometry=0, radius=radius, transformations=transformations
    )


def a_slide(to_system=None, spots=None, system="global", **image):
    """Spots and an image of them: circles lie in the coordinate system at the image's marks."""
    matrix = np.eye(3) if to_system is None else np.asarray(to_system, float)
    places = PIXELS @ matrix[:2, :2].T + matrix[:2, 2]
    held = {system: affine(matrix)}
    return sd.SpatialData.init_from_elements(
        {
            "he": Image2DModel.parse(painted(), transformations=held, **image),
            "spots": circles(places if spots is None else spots, {system: Identity()}),
            "table": a_table(),
        }
    )


def brightness_at_spots(adata):
    """Grey value of the histology at each spot."""
    shown = histology(adata)
    column, row = np.rint(adata.obsm["spatial"] / shown.units_per_pixel).astype(int).T
    return np.array([shown.levels[0][r, c, 0] for c, r in zip(column, row, strict=True)])


@pytest.mark.realdata
@pytest.mark.parametrize("system", ["global", "scale", "translation", "affine", "sequence"])
def test_real_labels_lie_where_the_library_itself_says(realdata, system) -> None:
    path = realdata / "platforms" / "spatialdata_blobs.zarr"
    adata = read_adata(path, coordinate_system=system)
    labels = sd.read_zarr(path)["blobs_labels"]
    expected = sd.get_centroids(labels, coordinate_system=system).compute()
    np.testing.assert_allclose(
        adata.obsm["spatial"], expected.loc[adata.obs["instance_id"], ["x", "y"]]
    )
    image = histology(adata)
    assert (image is not None) == (system == "global")
    assert adata.uns["spatialrecon"]["read"]["format"] == "spatialdata"


@pytest.mark.realdata
def test_the_real_file_reads_alike_from_zarr_2_and_from_memory(realdata, tmp_path) -> None:
    path = realdata / "platforms" / "spatialdata_blobs.zarr"
    sdata = sd.read_zarr(path)
    sdata.write(
        tmp_path / "old.zarr",
        sdata_formats=SpatialDataContainerFormatV01(),
        update_sdata_path=False,
    )
    assert (tmp_path / "old.zarr" / ".zgroup").is_file()
    first = read_adata(path)
    for other in (read_adata(tmp_path / "old.zarr"), read_adata(sdata)):
        np.testing.assert_array_equal(first.obsm["spatial"], other.obsm["spatial"])
        np.testing.assert_array_equal(first.X.toarray(), other.X.toarray())
        np.testing.assert_array_equal(histology(first).levels[0], histology(other).levels[0])


MAPS = {
    "identity": np.eye(3),
    "scaled": np.diag([6.5, 6.5, 1]),
    "turned and moved": turned(0.7, 3.0, (120, -40)),
    "mirrored": turned(0.0, 2.0, (5, 5)) @ np.diag([-1.0, 1, 1]),
}


@pytest.mark.parametrize("how", MAPS)
@pytest.mark.parametrize("from_disk", [False, True])
def test_spots_lie_on_their_marks_however_the_image_is_mapped(how, from_disk, tmp_path) -> None:
    sdata = a_slide(MAPS[how])
    source = sdata
    if from_disk:
        sdata.write(tmp_path / "a.zarr")
        source = tmp_path / "a.zarr"
    adata = read_adata(source)
    assert (brightness_at_spots(adata) == 255).all()
    assert contract.unit(adata) == "px"


@pytest.mark.parametrize(
    "matrix", [np.diag([3.0, 6.0, 1]), [[2, 0.8, 10], [0.1, 3, -4], [0, 0, 1]]]
)
def test_an_image_that_is_stretched_or_sheared_is_resampled_in_register(matrix) -> None:
    adata = read_adata(a_slide(matrix))
    shown = histology(adata)
    spots = adata.obsm["spatial"] / shown.units_per_pixel
    image = np.asarray(shown.levels[0])[..., 0].astype(float)
    off = []
    for column, row in spots:
        top, left = max(0, int(row) - 8), max(0, int(column) - 8)
        y, x = np.nonzero(image[top : top + 17, left : left + 17] > 60)
        off.append(np.hypot(x + left - column, y + top - row).min())
    assert np.max(off) <= 4
    assert any("resampled" in note for note in adata.uns["spatialrecon"]["notes"])


def test_coordinates_stay_as_they_are_where_the_image_is_only_scaled() -> None:
    adata = read_adata(a_slide(np.diag([6.5, 6.5, 1])))
    np.testing.assert_allclose(adata.obsm["spatial"], PIXELS * 6.5)
    content = adata.uns["spatial"]["spots"]
    assert content["scalefactors"]["tissue_hires_scalef"] == pytest.approx(1 / 6.5)


@pytest.mark.parametrize("system", ["um", "microns", "Micrometer"])
def test_a_coordinate_system_in_micrometres_gives_the_scale_of_pixels_and_spots(system) -> None:
    adata = read_adata(a_slide(turned(0.3, 0.5, (3, 4)), system=system))
    assert contract.unit(adata) == "px"
    assert contract.um_per_unit(adata) == pytest.approx(0.5)
    diameter = adata.uns["spatial"]["spots"]["scalefactors"]["spot_diameter_fullres"]
    assert diameter * 0.5 == pytest.approx(4.0)  # radius 2 in micrometres
    alone = a_slide(system=system)
    del alone.images["he"]
    adata = read_adata(alone)
    assert contract.unit(adata) == "um"
    np.testing.assert_array_equal(adata.obsm["spatial"], PIXELS)


def test_micrometres_are_found_in_a_second_coordinate_system() -> None:
    sdata = a_slide()
    set_transformation(sdata["spots"], Scale([0.25, 0.25], ("x", "y")), "um")
    adata = read_adata(sdata)
    assert contract.um_per_unit(adata) == pytest.approx(0.25)
    np.testing.assert_array_equal(adata.obsm["spatial"], PIXELS)


def test_micrometres_that_the_axes_state_are_heeded(tmp_path) -> None:
    a_slide(np.diag([0.5, 0.5, 1])).write(tmp_path / "a.zarr")
    path = tmp_path / "a.zarr" / "shapes" / "spots" / "zarr.json"
    content = json.loads(path.read_text())
    for axis in content["attributes"]["coordinateTransformations"][0]["output"]["axes"]:
        axis["unit"] = "micrometer"
    path.write_text(json.dumps(content))
    adata = read_adata(tmp_path / "a.zarr")
    assert contract.um_per_unit(adata) == pytest.approx(0.5)
    assert (brightness_at_spots(adata) == 255).all()


def test_a_size_without_micrometres_is_not_taken_for_that_of_visium() -> None:
    assert contract.um_per_unit(read_adata(a_slide())) is None


def squares(points):
    import geopandas
    from shapely import box

    shapes = [box(x - 1, y - 1, x + 1, y + 1) for x, y in points]
    return ShapesModel.parse(
        geopandas.GeoDataFrame(geometry=shapes), transformations={"global": Identity()}
    )


def test_every_kind_of_element_has_its_centroids() -> None:
    labels = np.zeros((100, 110), np.uint16)
    for number, (column, row) in enumerate(PIXELS.astype(int)):
        labels[row : row + 3, column : column + 3] = number + 1
    frame = pd.DataFrame(PIXELS, columns=["x", "y"])
    elements = {
        "polygons": (squares(PIXELS), 0),
        "points": (PointsModel.parse(frame, transformations={"global": Identity()}), 0),
        "labels": (Labels2DModel.parse(labels, chunks=(37, 41)), 1.5),
    }
    for name, (element, shift) in elements.items():
        table = a_table(region=name)
        table.obs["id"] += int(name == "labels")
        sdata = sd.SpatialData.init_from_elements({name: element, "table": table})
        np.testing.assert_allclose(
            read_adata(sdata).obsm["spatial"], PIXELS + shift, atol=1e-9, err_msg=name
        )
    multi = Labels2DModel.parse(labels, scale_factors=[2])
    table = a_table(region="labels")
    table.obs["id"] += 1
    sdata = sd.SpatialData.init_from_elements({"labels": multi, "table": table})
    np.testing.assert_allclose(read_adata(sdata).obsm["spatial"], PIXELS + 1.5)


def test_a_large_image_is_named_not_read_and_keeps_its_levels(tmp_path, monkeypatch) -> None:
    from napari_spatialrecon.tissue.sdata import frame, picture, table

    for module in (frame, picture, table):
        monkeypatch.setattr(module, "SMALL", 60)
    sdata = a_slide(turned(0.4, 2.0, (7, 7)), scale_factors=[2])
    sdata.write(tmp_path / "a.zarr")
    adata = read_adata(tmp_path / "a.zarr")
    content = adata.uns["spatial"]["spots"]
    assert content["images"]["hires"].shape == (50, 55, 3)
    assert content["scalefactors"]["tissue_hires_scalef"] == 0.5
    shown = histology(adata)
    assert [level.shape for level in shown.levels] == [(100, 110, 3), (50, 55, 3)]
    assert (brightness_at_spots(adata) == 255).all()
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert (brightness_at_spots(read_adata(tmp_path / "a.h5ad")) == 255).all()
    in_memory = read_adata(a_slide(turned(0.4, 2.0, (7, 7)), scale_factors=[2]))
    assert (brightness_at_spots(in_memory) == 255).all()
    in_memory.write_h5ad(tmp_path / "b.h5ad")
    assert (brightness_at_spots(read_adata(tmp_path / "b.h5ad")) == 255).all()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("part", ["X", "X/data", "X/indices", "X/indptr", "obs/_index"])
def test_a_table_that_lacks_a_chunk_is_refused_rather_than_read_as_zeros(
    tmp_path, version: int, part: str
) -> None:
    sdata = a_slide(np.eye(3))
    if part.startswith("X/"):
        sdata["table"].X = sparse.csr_matrix(sdata["table"].X)
    formats = {"sdata_formats": SpatialDataContainerFormatV01()} if version == 2 else {}
    sdata.write(tmp_path / "a.zarr", **formats)
    array = tmp_path / "a.zarr" / "tables" / "table" / part
    read_adata(tmp_path / "a.zarr")
    chunks = [p for p in array.rglob("*") if p.is_file() and not is_metadata(p)]
    assert len(chunks) == 1
    chunks[0].unlink()
    with pytest.raises(InputError, match=f"found none or part of {part}"):
        read_adata(tmp_path / "a.zarr")


def is_metadata(path) -> bool:
    return path.name == "zarr.json" or path.name.startswith(".")


def test_a_table_whose_last_array_is_gone_is_refused(tmp_path) -> None:
    a_slide(np.eye(3)).write(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / "tables" / "table" / "obs" / "id")
    with pytest.raises(InputError, match="obs/id"):
        read_adata(tmp_path / "a.zarr")


def test_labels_without_chunks_are_refused_rather_than_read_as_zeros(tmp_path) -> None:
    labels = np.zeros((20, 20), int)
    labels[2:5, 2:5], labels[10:14, 6:9] = 1, 2
    table = a_table(2, "cells")
    table.obs["id"] = [1, 2]
    parts = {"cells": Labels2DModel.parse(labels, dims=("y", "x")), "table": table}
    sd.SpatialData.init_from_elements(parts).write(tmp_path / "a.zarr")
    assert read_adata(tmp_path / "a.zarr").n_obs == 2
    for chunks in (tmp_path / "a.zarr" / "labels" / "cells").rglob("c"):
        shutil.rmtree(chunks)
    with pytest.raises(InputError, match="a part that cannot be read") as caught:
        read_adata(tmp_path / "a.zarr")
    assert "copying it again" in caught.value.remedy


def test_nothing_of_the_object_is_changed() -> None:
    sdata = a_slide()
    before = sdata["table"].copy()
    adata = read_adata(sdata)
    adata.obs["new"], adata.X[0, 0] = 1, 99
    assert list(sdata["table"].obs) == list(before.obs)
    assert not sdata["table"].obsm and "spatialrecon" not in sdata["table"].uns
    np.testing.assert_array_equal(sdata["table"].X, before.X)


def test_several_tables_regions_and_systems_are_asked_for() -> None:
    sdata = a_slide()
    sdata["other"] = a_table()
    with pytest.raises(ChoiceError, match="2 tables") as caught:
        read_adata(sdata)
    assert caught.value.option == "table" and caught.value.choices == ("table", "other")
    assert read_adata(sdata, table="other").n_obs == 12
    with pytest.raises(ChoiceError, match="found 'none'"):
        read_adata(sdata, table="none")

    both = a_table()
    both.obs["region"] = pd.Categorical(["spots"] * 7 + ["more"] * 5)
    both.uns["spatialdata_attrs"]["region"] = ["spots", "more"]
    sdata = a_slide()
    del sdata.tables["table"]
    sdata["more"] = circles(PIXELS + 1, {"global": Identity()})
    sdata["table"] = both
    with pytest.raises(ChoiceError, match="2 regions"):
        read_adata(sdata)
    more = read_adata(sdata, region="more")
    np.testing.assert_array_equal(more.obsm["spatial"], PIXELS[7:] + 1)

    sdata = a_slide(system="left")
    set_transformation(sdata["spots"], Translation([5, 5], ("x", "y")), "right")
    set_transformation(sdata["he"], Identity(), "right")
    with pytest.raises(ChoiceError, match="coordinate systems"):
        read_adata(sdata)
    right = read_adata(sdata, coordinate_system="right").obsm["spatial"]
    np.testing.assert_array_equal(right, PIXELS + 5)
    set_transformation(sdata["he"], Translation([5, 5], ("x", "y")), "right")
    assert (brightness_at_spots(read_adata(sdata)) == 255).all()  # both say the same: no question


def test_a_choice_survives_the_file_on_disk(tmp_path) -> None:
    sdata = a_slide()
    sdata["other"] = a_table()
    sdata.write(tmp_path / "a.zarr")
    with pytest.raises(ChoiceError, match=r"a\.zarr"):
        read_adata(tmp_path / "a.zarr")
    chosen = read_adata(tmp_path / "a.zarr", table="other")
    assert chosen.uns["spatialrecon"]["read"] == {"format": "spatialdata", "table": "other"}


def test_rows_without_an_instance_are_left_out_and_counted() -> None:
    sdata = a_slide(spots=PIXELS[:9])
    adata = read_adata(sdata)
    assert adata.n_obs == 9
    assert any("3 rows" in note for note in adata.uns["spatialrecon"]["notes"])
    none = a_slide()
    none["table"].obs["id"] += 100
    with pytest.raises(InputError, match="name instances of spots"):
        read_adata(none)


def test_a_table_that_annotates_nothing_is_cells_without_a_place() -> None:
    sdata = a_slide()
    plain = a_table()
    plain.uns.pop("spatialdata_attrs")
    del sdata.tables["table"]
    sdata["cells"] = plain
    adata = read_adata(sdata)
    assert "spatial" not in adata.obsm and adata.n_obs == 12


def test_without_a_table_its_remedy_makes_one() -> None:
    sdata = sd.datasets.blobs()
    del sdata.tables["table"]
    with pytest.raises(InputError, match="found none") as caught:
        read_adata(sdata)
    remedy = str(caught.value.remedy)
    exec(remedy.removeprefix("Try ").removesuffix("."), {"sdata": sdata})
    assert read_adata(sdata).n_obs == len(sdata["blobs_circles"])
    for name in list(sdata.points):
        del sdata.points[name]
    for name in list(sdata.tables):
        del sdata.tables[name]
    with pytest.raises(InputError, match=r"images: .*shapes: "):
        read_adata(sdata)


@pytest.mark.parametrize("zarr_2", [False, True])
def test_files_that_cannot_be_read_say_why(tmp_path, zarr_2) -> None:
    old = SpatialDataContainerFormatV01() if zarr_2 else None
    good = tmp_path / "good.zarr"
    a_slide().write(good, sdata_formats=old)

    def changed(name, change):
        shutil.copytree(good, tmp_path / name)
        found = tmp_path / name / change[0] / (".zattrs" if zarr_2 else "zarr.json")
        content = json.loads(found.read_text())
        change[1](content if zarr_2 else content["attributes"])
        found.write_text(json.dumps(content))
        return tmp_path / name

    def newer(attributes):
        attributes["spatialdata_attrs"]["version"] = "9.9"

    with pytest.raises(InputError, match=r"found 9\.9.*pip install --upgrade spatialdata"):
        read_adata(changed("newer.zarr", (".", newer)))

    def bent(attributes):
        attributes["coordinateTransformations"][0]["type"] = "displacements"

    with pytest.raises(InputError, match=r"affine map.*'displacements'"):
        read_adata(changed("bent.zarr", ("shapes/spots", bent)))
    half = tmp_path / "half.zarr"
    shutil.copytree(good, half)
    (half / "shapes" / "spots" / "shapes.parquet").unlink()
    with pytest.raises(InputError, match="intact SpatialData"):
        read_adata(half)
    torn = tmp_path / "torn.zarr"
    shutil.copytree(good, torn)
    shutil.rmtree(torn / "tables" / "table" / "obs")
    with pytest.raises(InputError, match=r"whole store, found none or part of obs\."):
        read_adata(torn)


def test_without_the_library_it_says_how_to_install_it(tmp_path, monkeypatch) -> None:
    a_slide().write(tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    with pytest.raises(InputError, match=r"pip install .*\[spatialdata\]"):
        read_adata(tmp_path / "a.zarr")


def test_a_sequence_of_maps_is_one_map() -> None:
    sdata = a_slide()
    steps = Sequence([Scale([2, 2], ("x", "y")), Translation([10, 0], ("x", "y"))])
    for name in ("spots", "he"):
        set_transformation(sdata[name], steps, "global")
        assert isinstance(get_transformation(sdata[name]), Sequence)
    assert (brightness_at_spots(read_adata(sdata)) == 255).all()


def test_images_of_many_channels_are_no_histology() -> None:
    sdata = a_slide()
    del sdata.images["he"]
    sdata["stains"] = Image2DModel.parse(np.zeros((5, 100, 110), np.uint16))
    adata = read_adata(sdata)
    assert histology(adata) is None
    assert any("5 channels" in note for note in adata.uns["spatialrecon"]["notes"])


def test_circles_of_visium_are_55_um_without_a_doubt() -> None:
    sdata = a_slide(turned(0.3, 0.5, (3, 4)), system="um")
    sdata["spots"]["radius"] = 27.5
    found = micrometres(read_adata(sdata))
    assert found.spot == pytest.approx(55) and not found.notes
