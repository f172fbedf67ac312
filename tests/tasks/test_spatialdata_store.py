from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.fit import fit_pairs
from napari_spatialrecon.provenance import RunRecord
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.read import read_adata

sd = pytest.importorskip("spatialdata", reason="spatialdata is not installed")
from spatialdata._io.format import SpatialDataContainerFormatV01  # noqa: E402

RECORD = RunRecord("place", "knn", {}, 0)
#: Slots of ours that say where a table was read, and what run its file is of.
PASSING = (slots.READ, slots.SOURCE, slots.NOTES, slots.RECORD)


def same(one, other, where="table"):
    """Assert that two values are the same, whatever holds them: arrays, frames, mappings."""
    if isinstance(one, dict | pd.Index) and not isinstance(one, pd.Index):
        assert set(one) == set(other), where
        for key in one:
            same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, pd.DataFrame):
        # anndata writes repeated words as categories, of the same values
        words = [name for name in one if one[name].dtype == object]
        other = other.assign(**{name: other[name].astype(object) for name in words})
        pd.testing.assert_frame_equal(one, other, check_names=False, obj=where)
    elif sparse.issparse(one):
        assert sparse.issparse(other), where
        same(one.toarray(), other.toarray(), where)
    elif isinstance(one, str | bool | int | float):
        assert one == other, where
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=where)


def same_tables(one, other):
    """Assert that a table is what it was before it was written."""
    assert list(one.obs_names) == list(other.obs_names)
    assert list(one.var_names) == list(other.var_names)
    for slot in ("obs", "var"):
        same(getattr(one, slot), getattr(other, slot)[list(getattr(one, slot))], slot)
        assert len(getattr(one, slot).columns) == len(getattr(other, slot).columns)
    same(one.X, other.X, "X")
    for slot in ("layers", "obsm", "varm", "obsp"):
        same(dict(getattr(one, slot)), dict(getattr(other, slot)), slot)
    plain = []
    for adata in (one, other):
        own = {k: v for k, v in adata.uns[slots.OURS].items() if k not in PASSING}
        plain.append({**dict(adata.uns), slots.OURS: own})
    same(*plain, "uns")


NAMES = st.text(st.sampled_from("abcxXYZ019 _.-()%µ+"), min_size=1, max_size=8).filter(
    lambda name: name.strip() and name not in (".", "..", "_index")
)


def columns(draw, n):
    """A table of columns of every type that AnnData writes, under any names."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = {
        "int8": lambda: rng.integers(-5, 5, n).astype(np.int8),
        "int64": lambda: rng.integers(-(2**40), 2**40, n),
        "uint16": lambda: rng.integers(0, 9, n).astype(np.uint16),
        "float32": lambda: np.where(rng.random(n) < 0.2, np.nan, rng.random(n)).astype(np.float32),
        "float64": lambda: rng.normal(size=n),
        "bool": lambda: rng.random(n) < 0.5,
        "str": lambda: np.array([f"w{i % 3} é" for i in range(n)], dtype=object),
        "category": lambda: pd.Categorical(
            rng.choice(["T cell", "B/NK", "Ω"], n), categories=["B/NK", "T cell", "Ω", "unused"]
        ),
        "ordered": lambda: pd.Categorical(
            rng.choice(["low", "high"], n), categories=["low", "high"], ordered=True
        ),
        "gaps": lambda: pd.Categorical(np.where(rng.random(n) < 0.4, None, "a"), categories=["a"]),
        "Int32": lambda: pd.array([None, *range(n - 1)], dtype="Int32"),
        "boolean": lambda: pd.array([None, *([True] * (n - 1))], dtype="boolean"),
    }
    names = draw(st.lists(NAMES, max_size=5, unique_by=str.strip))
    return {name: kinds[draw(st.sampled_from(sorted(kinds)))]() for name in names}


@st.composite
def tables(draw):
    """Results of any content: columns, colors, layers, transforms, an image, uncertainty."""
    n, genes = draw(st.integers(4, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = rng.poisson(2.0, (n, genes)).astype(np.float32)
    names = [f"cell {i}/{draw(st.integers(0, 9))}" for i in range(n)]
    adata = AnnData(
        sparse.csr_matrix(held) if draw(st.booleans()) else held,
        obs=pd.DataFrame(columns(draw, n), index=names),
        var=pd.DataFrame(columns(draw, genes), index=[f"G{i}.{i}" for i in range(genes)]),
    )
    for column in adata.obs:
        if isinstance(adata.obs[column].dtype, pd.CategoricalDtype):
            palette = ["#ff0000", "#00ff00", "#0000ff", "#123456"]
            adata.uns[f"{column}_colors"] = palette[: len(adata.obs[column].cat.categories)]
    unit = draw(st.sampled_from(["um", "px", "unit"]))
    adata.obsm["spatial"] = rng.normal(scale=500, size=(n, 2)) + 900
    adata.uns[slots.OURS] = {"unit": unit, "pose": {"linear": rng.random((2, 2))}}
    if unit == "px" and draw(st.booleans()):
        adata.uns[slots.OURS]["um_per_unit"] = 0.5
    if draw(st.booleans()):
        adata.layers["counts (raw)"] = sparse.csr_matrix(held)
        adata.obsm["proportions"] = pd.DataFrame(
            rng.random((n, 2)), columns=["T cell", "B_NK"], index=names
        )
        adata.obsp["stitched_distances"] = sparse.random(n, n, 0.3, "csr", rng=rng)
        adata.obsm["X_layout"] = rng.random((n, 2))
        adata.obs[slots.UNCERTAINTY] = rng.random(n)
    if draw(st.booleans()):
        image = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)
        adata.uns["spatial"] = {
            "lib": {
                "images": {"hires": image},
                "scalefactors": {"tissue_hires_scalef": 0.02, "spot_diameter_fullres": 80.0},
                "metadata": {"um_per_fullres_px": 0.5},
            }
        }
    if draw(st.booleans()):
        before = rng.random((n, 2)) * 100
        model = draw(st.sampled_from(["similarity", "affine"]))
        found = fit_pairs(before, before @ [[0.0, 2.0], [-2.0, 0.0]] + 7, model).transform
        adata.obsm["spatial_before"] = before
        adata.obsm["spatial"] = found.apply(before)
        adata.uns[slots.OURS][slots.ALIGNMENT] = {"transform": found.to_dict()}
    return adata


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(adata=tables(), suffix=st.sampled_from([".h5ad", ".zarr"]))
def test_a_round_trip_loses_nothing(adata, suffix, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("trip") / f"out{suffix}"
    before = adata.copy()
    write_result(path, adata, RECORD)
    read = read_adata(path)
    same_tables(adata, read)
    same_tables(before, adata)  # the input was not changed
    assert contract.um_per_unit(read) == contract.um_per_unit(adata)
    image, shown = sr.histology(adata), sr.histology(read)
    assert (image is None) == (shown is None)
    if image is not None:
        np.testing.assert_array_equal(image.levels[0], shown.levels[0])
        assert image.units_per_pixel == shown.units_per_pixel


def written_tree(path):
    """All files of a zarr but those of groups, with their content."""
    skipped = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")
    files = [f for f in path.rglob("*") if f.is_file() and f.name not in skipped]
    return {str(f.relative_to(path)): f.read_bytes() for f in files}


@pytest.fixture(scope="module", params=["0.2", "0.1"])
def source(request, tiny, tmp_path_factory):
    """A SpatialData object on disk, with everything that ours does not make, in both formats."""
    sdata = sd.datasets.blobs()
    slide = sr.to_spatialdata(tiny.slides[0], name="slide")
    for _, name, element in slide.gen_elements():
        sdata[name] = element
    path = tmp_path_factory.mktemp("source") / "in.zarr"
    old = SpatialDataContainerFormatV01() if request.param == "0.1" else None
    sdata.write(path, sdata_formats=old)
    return path


def placed(source, tiny):
    slide = read_adata(source, table="slide")
    return sr.place({"slide": slide}, tiny.cells, method="knn")


def test_a_new_zarr_holds_all_of_the_object_and_the_result(source, tiny, tmp_path) -> None:
    result = placed(source, tiny)
    path, record = result.write(tmp_path / "out.zarr")
    assert record.is_file() and path.is_dir()
    before, after = sd.read_zarr(source), sd.read_zarr(path)
    kept, held = written_tree(source), written_tree(path)
    assert all(held[name] == content for name, content in kept.items())
    names = {name for _, name, _ in after.gen_elements()}
    assert names - {name for _, name, _ in before.gen_elements()} == {
        "out",
        "out_cells",
        "out_points",
    }
    for _, name, element in before.gen_spatial_elements():
        transformations = sd.transformations.get_transformation(element, get_all=True)
        again = sd.transformations.get_transformation(after[name], get_all=True)
        assert set(transformations) == set(again), name
    assert (path / "zarr.json").is_file() == (source / "zarr.json").is_file()
    rows = sd.join_spatialelement_table(
        sdata=after, spatial_element_names="out_cells", table_name="out", how="inner"
    )[1]
    assert rows.n_obs == result.adata.n_obs
    same_tables(result.adata, read_adata(path))
    assert read_adata(path).n_obs == result.adata.n_obs  # of two tables, the result
    centers = sd.get_centroids(after["out_cells"], coordinate_system="um").compute()
    um = contract.um_per_unit(result.adata)
    np.testing.assert_allclose(centers, result.adata.obsm["spatial"] * um, atol=1e-6)
    assert np.allclose(after["out_cells"]["radius"] * um, 5.0)


def test_a_result_is_added_to_the_object_itself_only_when_asked(source, tiny, tmp_path) -> None:
    path = tmp_path / "in.zarr"
    shutil.copytree(source, path)
    result = placed(path, tiny)
    with pytest.raises(InputError, match=r"add=True"):
        result.write(path)
    result.write(path, add=True)
    result.write(path, add=True)
    tables = sd.read_zarr(path).tables
    assert set(tables) >= {"slide", "place", "place_2"}
    same_tables(result.adata, read_adata(path))
    kept, held = written_tree(source), written_tree(path)
    assert all(held[name] == content for name, content in kept.items())
    with pytest.raises(InputError, match="to add the result to"):
        result.write(tmp_path / "none.zarr", add=True)
    with pytest.raises(InputError, match=r"ending in \.zarr"):
        result.write(tmp_path / "none.h5ad", add=True)


def test_rows_of_an_element_annotate_it(source, tiny, tmp_path) -> None:
    slide = read_adata(source, table="slide")
    result = sr.deconvolve(slide, tiny.cells, "cell_type", method="knn")
    path, _ = result.write(tmp_path / "mix.zarr")
    after = sd.read_zarr(path)
    assert after["mix"].uns["spatialdata_attrs"]["region"] == "slide_spots"
    assert "mix_spots" not in after
    same_tables(result.adata, read_adata(path))


@pytest.mark.parametrize("add", [False, True])
def test_a_failure_leaves_nothing_behind(source, tiny, tmp_path, add, monkeypatch) -> None:
    from napari_spatialrecon.tasks import spatialdata_store

    path = tmp_path / "in.zarr"
    shutil.copytree(source, path)
    result = placed(path, tiny)
    target = path if add else tmp_path / "out.zarr"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spatialdata_store, "_is_gathered", full)
    files = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="disk full"):
        result.write(target, add=add)
    assert sorted(tmp_path.rglob("*")) == files
    monkeypatch.undo()
    assert "place" not in sd.read_zarr(path).tables


def test_a_zarr_of_others_is_not_replaced(tiny, tmp_path, monkeypatch) -> None:
    theirs = tmp_path / "theirs.zarr"
    sd.datasets.blobs().write(theirs)
    slide = tiny.slides[0]
    with pytest.raises(InputError, match="did not write"):
        write_result(theirs, slide, RECORD)
    write_result(tmp_path / "ours.zarr", slide, RECORD)
    write_result(tmp_path / "ours.zarr", slide, RECORD)
    monkeypatch.setitem(__import__("sys").modules, "spatialdata", None)
    with pytest.raises(InputError, match=r"pip install .*\[spatialdata\]"):
        write_result(tmp_path / "other.zarr", slide, RECORD)


def test_an_object_in_memory_is_written_whole(tiny, tmp_path) -> None:
    sdata = sd.datasets.blobs()
    for _, name, element in sr.to_spatialdata(tiny.slides[0]).gen_elements():
        sdata[name] = element
    slide = read_adata(sdata, table="slide")
    result = sr.deconvolve(slide, tiny.cells, "cell_type", method="knn")
    after = sd.read_zarr(result.write(tmp_path / "mix.zarr")[0])
    assert {name for _, name, _ in sdata.gen_elements()} < {n for _, n, _ in after.gen_elements()}
    together = sr.to_spatialdata(result.adata, name="mixtures", sdata=sdata)
    assert set(together.tables) == {"table", "slide", "mixtures"}
    assert "mixtures" not in sdata.tables


def test_a_large_image_is_written_at_full_resolution_with_its_levels(tiny, tmp_path) -> None:
    slide = tiny.slides[0].copy()
    (name,) = slide.uns["spatial"]
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (1300, 1100, 3), dtype=np.uint8)
    from skimage.io import imsave

    imsave(tmp_path / "he.tif", pixels, check_contrast=False)
    content = slide.uns["spatial"][name]
    content = {k: v for k, v in content.items() if k not in ("images", "images_files")}
    content["images_files"] = {"fullres": str(tmp_path / "he.tif")}
    slide.uns["spatial"] = {name: content}
    path, _ = write_result(tmp_path / "out.zarr", slide, RECORD)
    shapes = [level["image"].shape for level in sd.read_zarr(path)["out_histology"].values()]
    assert shapes == [(3, 1300, 1100), (3, 650, 550), (3, 325, 275)]
    (tmp_path / "he.tif").unlink()
    shown = sr.histology(read_adata(path))
    np.testing.assert_array_equal(shown.levels[0], pixels)
    assert len(shown.levels) == 3


def test_names_that_become_the_same_are_told_apart_and_restored(tmp_path) -> None:
    names = ["+", ")", "-(", "x", "X", "cell type"]
    adata = AnnData(
        np.ones((4, 1), np.float32),
        obs=pd.DataFrame({name: np.arange(4.0) for name in names}, index=list("abcd")),
    )
    adata.obsm["spatial"] = np.arange(8.0).reshape(4, 2)
    adata.uns[slots.OURS] = {"unit": "um"}
    write_result(tmp_path / "out.zarr", adata, RECORD)
    assert list(read_adata(tmp_path / "out.zarr").obs) == names
