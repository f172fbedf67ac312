"""Reading a table: told by content, whole, or refused with what to do."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from anndata import AnnData
from scipy import io as scipy_io
from scipy import sparse
from skimage import io

from napari_spatialrecon.errors import ChoiceError, InputError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.formats.spaceranger import read_spaceranger
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata


def sniff(path: Path) -> str | None:
    found = find_format(path)
    return None if found is None else found.name


BARCODES = [f"ACGT{i:02d}-1" for i in range(9)]
GENES = ["Actb", "Gapdh", "Twice", "Twice", "Sox2"]
IDS = [f"ENSMUSG{i:011d}" for i in range(5)]
UNDER = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1])
COUNTS = np.random.default_rng(0).poisson(2, (9, 5)).astype(np.int32)
ROWS, COLUMNS = np.repeat([100, 200, 300], 3), np.tile([50, 150, 250], 3)
FACTORS = {
    "spot_diameter_fullres": 130.0,
    "tissue_hires_scalef": 0.1,
    "tissue_lowres_scalef": 0.05,
    "fiducial_diameter_fullres": 210.0,
}
HIRES = np.random.default_rng(1).integers(0, 255, (40, 30, 3)).astype(np.uint8)


def write_h5(path: Path, order: np.ndarray) -> None:
    matrix = sparse.csc_matrix(COUNTS[order].T)
    with h5py.File(path, "w") as file:
        file.attrs["library_ids"] = np.array([b"section1"])
        file.attrs["software_version"] = "spaceranger-3.0"
        group = file.create_group("matrix")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
        group["shape"] = matrix.shape
        group["barcodes"] = np.array(BARCODES, "S")[order]
        features = group.create_group("features")
        features["id"], features["name"] = np.array(IDS, "S"), np.array(GENES, "S")
        features["feature_type"] = np.array(["Gene Expression"] * 5, "S")
        features["genome"] = np.array(["mm10"] * 5, "S")


def write_mtx(folder: Path, order: np.ndarray) -> None:
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as stream:
        scipy_io.mmwrite(stream, sparse.coo_matrix(COUNTS[order].T))
    for name, lines in {
        "barcodes.tsv.gz": [BARCODES[i] for i in order],
        "features.tsv.gz": [f"{i}\t{g}\tGene Expression" for i, g in zip(IDS, GENES, strict=True)],
    }.items():
        with gzip.open(folder / name, "wt") as stream:
            stream.write("\n".join(lines) + "\n")


def positions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "barcode": BARCODES,
            "in_tissue": UNDER,
            "array_row": np.repeat([0, 1, 2], 3),
            "array_col": np.tile([0, 2, 4], 3),
            "pxl_row_in_fullres": ROWS,
            "pxl_col_in_fullres": COLUMNS,
        }
    )


def write_run(root: Path, matrix: str = "h5", places: str = "tissue_positions.csv") -> Path:
    outs = root / "sample" / "outs"
    (outs / "spatial").mkdir(parents=True)
    order = np.random.default_rng(2).permutation(9)
    if matrix == "h5":
        write_h5(outs / "filtered_feature_bc_matrix.h5", order)
    else:
        write_mtx(outs / "filtered_feature_bc_matrix", order)
    path = outs / "spatial" / places
    if path.suffix == ".parquet":
        positions().to_parquet(path)
    else:
        positions().to_csv(path, index=False, header=places == "tissue_positions.csv")
    (outs / "spatial" / "scalefactors_json.json").write_text(json.dumps(FACTORS))
    io.imsave(outs / "spatial" / "tissue_hires_image.png", HIRES, check_contrast=False)
    io.imsave(outs / "spatial" / "tissue_lowres_image.png", HIRES[::2, ::2], check_contrast=False)
    return outs


@pytest.mark.parametrize("matrix", ["h5", "mtx"])
@pytest.mark.parametrize(
    "places", ["tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet"]
)
def test_every_form_of_a_run_is_read_without_loss(tmp_path, matrix: str, places: str) -> None:
    outs = write_run(tmp_path, matrix, places)
    adata = read_adata(outs)
    rows = [BARCODES.index(name) for name in adata.obs_names]
    assert sorted(rows) == list(np.flatnonzero(UNDER))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[rows])
    assert list(adata.var["gene_ids"]) == IDS
    assert list(adata.var_names) == ["Actb", "Gapdh", "Twice", "Twice-1", "Sox2"]
    np.testing.assert_array_equal(
        adata.obsm["spatial"], np.column_stack([COLUMNS, ROWS])[rows].astype(float)
    )
    truth = positions().iloc[rows]
    for column in ("in_tissue", "array_row", "array_col"):
        np.testing.assert_array_equal(adata.obs[column], truth[column])
    library = adata.uns["spatial"]["section1" if matrix == "h5" else "sample"]
    assert library["scalefactors"] == FACTORS
    np.testing.assert_array_equal(library["images"]["hires"], HIRES)
    assert (contract.unit(adata), contract.um_per_unit(adata)) == ("px", 0.5)
    assert contract.prepare_slide(adata, "run").adata.n_obs == 7


def test_a_run_survives_being_saved_as_h5ad(tmp_path) -> None:
    adata = read_adata(write_run(tmp_path))
    adata.write_h5ad(tmp_path / "run.h5ad")
    again = read_adata(tmp_path / "run.h5ad")
    assert (again.X != adata.X).nnz == 0
    assert contract.um_per_unit(again) == 0.5
    image = histology(again)
    assert image is not None and image.units_per_pixel == pytest.approx(10)
    np.testing.assert_array_equal(image.levels[0], HIRES)


def test_the_parent_of_outs_is_read_too(tmp_path) -> None:
    outs = write_run(tmp_path)
    assert read_adata(outs.parent).n_obs == 7
    assert sniff(outs) == sniff(outs.parent) == "spaceranger"


def test_bins_of_visium_hd_are_found_and_their_scale_is_preferred(tmp_path) -> None:
    outs = write_run(tmp_path, places="tissue_positions.parquet")
    bins = tmp_path / "hd" / "binned_outputs" / "square_008um"
    bins.parent.mkdir(parents=True)
    outs.rename(bins)
    factors = {**FACTORS, "microns_per_pixel": 0.27, "bin_size_um": 8.0}
    (bins / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    assert contract.um_per_unit(read_adata(tmp_path / "hd")) == 0.27


def test_the_full_resolution_image_is_found_by_its_size(tmp_path) -> None:
    outs = write_run(tmp_path)
    tifffile.imwrite(outs / "cytassist.tif", np.zeros((90, 80, 3), np.uint8), photometric="rgb")
    full = np.repeat(np.repeat(HIRES, 10, axis=0), 10, axis=1)
    tifffile.imwrite(outs.parent / "he.tif", full, tile=(64, 64), photometric="rgb")
    image = histology(read_spaceranger(outs))
    assert image is not None and image.units_per_pixel == 1
    assert [level.shape for level in image.levels] == [(400, 300, 3), (40, 30, 3), (20, 15, 3)]
    np.testing.assert_array_equal(image.levels[0][40:50, 20:30], full[40:50, 20:30])


def test_a_full_resolution_image_of_another_size_is_refused(tmp_path) -> None:
    outs = write_run(tmp_path)
    tifffile.imwrite(tmp_path / "he.tif", np.zeros((90, 80, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match="about 300 x 400 pixels, found 80 x 90"):
        read_spaceranger(outs, full_resolution=tmp_path / "he.tif")
    with pytest.raises(InputError, match="No such file"):
        read_spaceranger(outs, full_resolution=tmp_path / "none.tif")


def test_a_missing_image_is_a_note_unless_it_is_asked_for(tmp_path) -> None:
    outs = write_run(tmp_path)
    for name in ("hires", "lowres"):
        (outs / "spatial" / f"tissue_{name}_image.png").unlink()
    adata = read_adata(outs)
    assert sum("is missing" in note for note in adata.uns["spatialrecon"]["notes"]) == 2
    assert histology(adata) is None
    with pytest.raises(ValidationError, match="found neither"):
        read_spaceranger(outs, images_needed=True)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"spot_diameter_fullres": 0}', '{"spot_diameter_fullres": "wide"}', None],
)
def test_scale_factors_that_are_missing_or_wrong_are_said(tmp_path, text: str | None) -> None:
    outs = write_run(tmp_path)
    path = outs / "spatial" / "scalefactors_json.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ValidationError, match=r"scale factors|scalef|positive") as e:
        read_adata(outs)
    assert e.value.remedy


def test_all_that_is_wrong_with_a_run_is_said_at_once(tmp_path) -> None:
    outs = write_run(tmp_path)
    (outs / "spatial" / "scalefactors_json.json").write_text("{")
    (outs / "spatial" / "tissue_positions.csv").write_text("barcode,x\nA,1\n")
    with pytest.raises(ValidationError) as caught:
        read_adata(outs)
    assert len(caught.value.problems) == 2


def test_barcodes_without_position_are_left_out_and_counted(tmp_path) -> None:
    outs = write_run(tmp_path)
    positions().iloc[:5].to_csv(outs / "spatial" / "tissue_positions.csv", index=False)
    adata = read_adata(outs)
    assert sorted(adata.obs_names) == [BARCODES[i] for i in range(5) if UNDER[i]]
    assert any("4 of 9 barcodes have no position" in n for n in adata.uns["spatialrecon"]["notes"])
    positions().assign(barcode="other").to_csv(outs / "spatial" / "tissue_positions.csv")
    with pytest.raises(InputError, match="Expected"):
        read_adata(outs)


def test_a_matrix_that_is_cut_short_is_refused(tmp_path) -> None:
    outs = write_run(tmp_path)
    path = outs / "filtered_feature_bc_matrix.h5"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match="cannot be read"):
        read_adata(outs)


def test_a_folder_of_something_else_says_what_was_looked_for(tmp_path) -> None:
    assert sniff(tmp_path) is None
    with pytest.raises(InputError, match="Space Ranger, Xenium") as caught:
        read_adata(tmp_path)
    assert "outs" in caught.value.remedy


@pytest.fixture
def h5ad(tmp_path) -> Path:
    path = tmp_path / "table.h5ad"
    adata = AnnData(sparse.csr_matrix(np.random.default_rng(0).poisson(1, (300, 40))))
    adata.write_h5ad(path)
    return path


def test_an_h5ad_is_told_by_its_content_not_its_name(h5ad: Path) -> None:
    other = h5ad.rename(h5ad.with_suffix(".data"))
    assert sniff(other) == "h5ad"
    assert read_adata(other).shape == (300, 40)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_an_h5ad_that_is_cut_short_is_refused_with_a_remedy(h5ad: Path, share: float) -> None:
    content = h5ad.read_bytes()
    h5ad.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        read_adata(h5ad)
    assert str(h5ad) in str(caught.value) and caught.value.remedy


def test_an_h5ad_with_damaged_bytes_is_refused_or_read_never_crashes(h5ad: Path) -> None:
    content = bytearray(h5ad.read_bytes())
    for start in range(800, len(content) - 200, 2999):
        damaged = content.copy()
        damaged[start : start + 60] = b"\xff" * 60
        h5ad.write_bytes(bytes(damaged))
        try:
            read_adata(h5ad)
        except InputError as error:
            assert error.remedy


def test_a_newer_format_asks_for_a_newer_anndata(h5ad: Path) -> None:
    with h5py.File(h5ad, "a") as file:
        file["X"].attrs["encoding-type"] = "matrix-of-tomorrow"
    with pytest.raises(InputError, match="newer anndata"):
        read_adata(h5ad)


def test_names_that_are_no_text_are_told_all_the_same(tmp_path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file[b"\xff\xfe"] = 1
    with pytest.raises(InputError, match="another kind, which holds \ufffd\ufffd"):
        read_adata(path)


def test_files_of_other_kinds_are_refused(tmp_path) -> None:
    text, other = tmp_path / "a.csv", tmp_path / "o.h5"
    text.write_text("a,b\n")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    for path, said in (
        (text, "a CSV with the columns a, b, where a table"),
        (other, "another kind, which holds x"),
    ):
        assert sniff(path) is None
        with pytest.raises(InputError, match=said):
            read_adata(path)
    assert sniff(tmp_path / "absent") is None
    with pytest.raises(InputError, match="nothing there"):
        read_adata(tmp_path / "absent")


def test_telling_a_path_apart_imports_no_anndata() -> None:
    code = (
        "import sys; from napari_spatialrecon.tissue.formats import registry;"
        "registry.find_format('.');"
        "sys.exit(any(m in sys.modules for m in ('anndata', 'pandas', 'scanpy', 'skimage')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.realdata
def test_every_real_file_is_told_by_its_content(realdata) -> None:
    assert {sniff(path) for path in realdata.glob("*/*.h5ad")} == {"h5ad"}
    assert {sniff(path) for path in realdata.glob("*/*.jpg")} == {None}
    assert {sniff(path) for path in realdata.iterdir()} == {None}


def test_one_genome_of_a_slide_of_mixed_species_is_chosen(tmp_path) -> None:
    outs = write_run(tmp_path)
    names = ["GRCh38_ACTB", "GRCh38_GAPDH", "GRCh38_SOX2", "mm10___Actb", "mm10___Sox2"]
    with h5py.File(outs / "filtered_feature_bc_matrix.h5", "a") as file:
        del file["matrix/features/name"]
        file["matrix/features/name"] = np.array(names, "S")
    with pytest.raises(ChoiceError) as caught:
        read_adata(outs)
    assert (caught.value.option, caught.value.choices) == ("genome", ("GRCh38", "mm10"))
    adata = read_adata(outs, genome="mm10")
    assert list(adata.var_names) == ["Actb", "Sox2"] and adata.n_obs == 7
    assert adata.uns["spatialrecon"]["read"] == {"format": "spaceranger", "genome": "mm10"}
    assert adata.uns["spatialrecon"]["unit"] == "px"


@pytest.mark.parametrize("used", ["one_slide", "read_whole"])
def test_a_mistake_of_this_program_is_not_called_damage(h5ad: Path, used, monkeypatch) -> None:
    from napari_spatialrecon.tissue.formats import h5ad as reader

    def library(*_: object) -> None:
        raise TypeError("of the library")

    monkeypatch.setattr(reader, used, library)
    with pytest.raises(InputError, match=r"\(of the library\)"):
        read_adata(h5ad)
    monkeypatch.setattr(reader, used, None)
    with pytest.raises(TypeError, match="not callable"):
        read_adata(h5ad)
