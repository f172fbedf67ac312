"""AnnData tables in zarr: both formats, zipped or not, whole, or refused without being run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import anndata
import numcodecs
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.contract import library, prepare_slide
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.read import read_adata

COUNTS = np.random.default_rng(0).poisson(2, (12, 5)).astype(np.float32)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def table() -> AnnData:
    adata = AnnData(sparse.csr_matrix(COUNTS), var=pd.DataFrame(index=list("abcde")))
    adata.obs["type"] = pd.Categorical(list("xy") * 6)
    adata.uns["type_colors"] = np.array(["#ff0000", "#00ff00"])
    adata.layers["more"] = sparse.csr_matrix(COUNTS + 1)
    adata.obsm["spatial"] = np.random.default_rng(1).random((12, 2)) * 100
    image = np.zeros((20, 20, 3), np.uint8)
    adata.uns["spatial"] = {
        "V1": {
            "images": {"hires": image},
            "scalefactors": {"tissue_hires_scalef": 0.1, "spot_diameter_fullres": 6.5},
            "images_files": {"fullres": "slide.tif"},
        }
    }
    return adata


def write(path: Path, version: int, adata: AnnData | None = None) -> Path:
    with anndata.settings.override(zarr_write_format=version):
        (adata if adata is not None else table()).write_zarr(path)
    return path


def zipped(path: Path) -> Path:
    return Path(shutil.make_archive(str(path), "zip", path))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("as_zip", [False, True])
def test_a_store_of_either_format_is_read_whole(tmp_path, version: int, as_zip: bool) -> None:
    path = write(tmp_path / "a.zarr", version)
    path = zipped(path) if as_zip else path
    assert find_format(path).name == "zarr"
    found, wanted = read_adata(path), table()
    assert (found.X != wanted.X).nnz == 0 and (
        found.layers["more"] != wanted.layers["more"]
    ).nnz == 0
    assert found.obs.equals(wanted.obs) and list(found.uns["type_colors"]) == ["#ff0000", "#00ff00"]
    np.testing.assert_array_equal(found.obsm["spatial"], wanted.obsm["spatial"])
    name, content = library(found)
    assert name == "V1" and content["images"]["hires"].shape == (20, 20, 3)
    assert content["images_files"]["fullres"] == str(tmp_path / "slide.tif")
    assert prepare_slide(found, "a").adata.n_obs == 12
    np.testing.assert_array_equal(
        read_adata(path, layer="more").layers["counts"].toarray(), COUNTS + 1
    )


def test_choices_are_those_of_an_h5ad(tmp_path) -> None:
    adata = table()
    adata.var_names = ["GRCh38_A", "GRCh38_B", "mm10___A", "mm10___B", "mm10___C"]
    path = write(tmp_path / "a.zarr", 3, adata)
    with pytest.raises(ChoiceError, match="genomes"):
        read_adata(path)
    assert read_adata(path, genome="mm10").n_vars == 3


class Trap:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def plant(array: Path, sprung: Path) -> None:
    """Make an array of format 2 one of pickled objects."""
    array.mkdir(parents=True, exist_ok=True)
    described = {
        "zarr_format": 2,
        "shape": [1],
        "chunks": [1],
        "dtype": "|O",
        "fill_value": None,
        "order": "C",
        "compressor": None,
        "filters": [{"id": "pickle", "protocol": 5}],
    }
    (array / ".zarray").write_text(json.dumps(described))
    (array / ".zattrs").write_text('{"encoding-type": "array", "encoding-version": "0.2.0"}')
    (array / "0").write_bytes(pickle.dumps(Trap(sprung)))


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_store_of_pickled_objects_is_refused_and_none_is_opened(tmp_path, as_zip: bool) -> None:
    path = write(tmp_path / "a.zarr", 2)
    (path / ".zmetadata").unlink()
    plant(path / "uns" / "trap", tmp_path / "sprung")
    with pytest.raises(InputError, match="pickled objects in uns/trap") as caught:
        read_adata(zipped(path) if as_zip else path)
    assert "write_zarr" in caught.value.remedy
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(FileExistsError):
        pickle.loads((path / "uns" / "trap" / "0").read_bytes())
        pickle.loads((path / "uns" / "trap" / "0").read_bytes())


def test_a_codec_of_format_3_that_pickles_is_refused_a_name_is_not(tmp_path) -> None:
    adata = table()
    adata.uns["codec"] = {"id": "pickle", "name": "numcodecs.pickle"}
    path = write(tmp_path / "a.zarr", 3, adata)
    assert read_adata(path).n_obs == 12
    described = json.loads((path / "X" / "data" / "zarr.json").read_text())
    described["codecs"] = [{"name": "numcodecs.pickle", "configuration": {}}]
    (path / "X" / "data" / "zarr.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="pickled objects in X/data"):
        read_adata(path)


def test_pickled_objects_in_spatialdata_are_refused(tmp_path) -> None:
    pytest.importorskip("spatialdata")
    path = tmp_path / "s.zarr"
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text('{"spatialdata_attrs": {"version": "0.1"}}')
    write(path / "tables" / "table", 2)
    (path / "tables" / "table" / ".zmetadata").unlink()
    plant(path / "tables" / "table" / "uns" / "trap", tmp_path / "sprung")
    with pytest.raises(InputError, match="pickled objects"):
        read_adata(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("part", ["X/indices", "layers/more", "X/data/chunk", "obs"])
def test_a_store_with_a_part_missing_is_refused(tmp_path, version: int, part: str) -> None:
    path = write(tmp_path / "a.zarr", version)
    if part.endswith("chunk"):
        part = "X/data/c" if version == 3 else "X/data/0"
    shutil.rmtree(path / part) if (path / part).is_dir() else (path / part).unlink()
    with pytest.raises(InputError) as caught:
        read_adata(path)
    assert "again" in caught.value.remedy


def with_billions_of_texts(path: Path, version: int) -> Path:
    """Write a store of which one chunk states that it holds three billion texts."""
    write(path, version)
    names = path / "obs/type/categories"
    described = json.loads((names / (".zarray" if version == 2 else "zarr.json")).read_text())
    chunk = names / ("0" if version == 2 else "c/0")
    codec = numcodecs.get_codec(described["compressor"] if version == 2 else {"id": "zstd"})
    content = bytearray(codec.decode(chunk.read_bytes()))
    assert content[:4] == b"\x02\x00\x00\x00"
    content[3] = 0xB3
    chunk.write_bytes(codec.encode(bytes(content)))
    return path


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("as_zip", [False, True])
def test_a_chunk_that_states_billions_of_texts_is_refused(tmp_path, version, as_zip) -> None:
    path = with_billions_of_texts(tmp_path / "a.zarr", version)
    with pytest.raises(InputError, match="more texts than there is room for in obs/type/categ"):
        read_adata(zipped(path) if as_zip else path)


def test_a_packed_chunk_that_states_gigabytes_is_refused(tmp_path) -> None:
    path = write(tmp_path / "a.zarr", 2)
    chunk = path / "obs/type/categories/0"
    content = bytearray(chunk.read_bytes())
    assert json.loads((chunk.parent / ".zarray").read_text())["compressor"]["id"] == "blosc"
    content[7] = 0x70
    chunk.write_bytes(content)
    with pytest.raises(InputError, match="more texts than there is room for"):
        read_adata(path)


def test_a_newer_format_asks_for_a_newer_anndata(tmp_path) -> None:
    path = write(tmp_path / "a.zarr", 3)
    for file in (path / "zarr.json", path / "X" / "zarr.json"):
        file.write_text(file.read_text().replace("csr_matrix", "csr_of_tomorrow"))
    with pytest.raises(InputError, match="newer anndata"):
        read_adata(path)


def test_a_zip_of_something_else_is_not_taken_for_a_table(tmp_path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    assert find_format(zipped(tmp_path / "folder")) is None
