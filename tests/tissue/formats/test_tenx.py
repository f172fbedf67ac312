"""Matrices of 10x form alone: every layout of Cell Ranger and GEO, whole or refused."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from anndata import AnnData
from scipy import io, sparse

from napari_spatialrecon.errors import ChoiceError, InputError, ValidationError
from napari_spatialrecon.tissue.read import read_adata

BARCODES = [f"ACGT{i:02d}-1" for i in range(7)]
GENES = ["Actb", "Gapdh", "Twice", "Twice", "Sox2"]
IDS = [f"ENSMUSG{i:011d}" for i in range(5)]
COUNTS = np.random.default_rng(0).poisson(2, (7, 5)).astype(np.int32)
GEX = "Gene Expression"
V2 = ("genes.tsv", "barcodes.tsv", "matrix.mtx")
V3 = ("features.tsv.gz", "barcodes.tsv.gz", "matrix.mtx.gz")


def write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_lines(path: Path, lines: list[str]) -> None:
    write(path, "".join(f"{line}\n" for line in lines).encode())


def write_values(path: Path, matrix: sparse.coo_matrix) -> None:
    stream = BytesIO()
    io.mmwrite(stream, matrix, field="integer")
    write(path, stream.getvalue())


def write_mtx(folder: Path, prefix: str = "", files=V3, counts=COUNTS, types=None) -> Path:
    """Write the three files of a matrix, as Cell Ranger does: genes in rows."""
    folder.mkdir(parents=True, exist_ok=True)
    features, barcodes, matrix = (folder / f"{prefix}{name}" for name in files)
    types = types or [GEX] * 5
    rows = zip(IDS, GENES, types, strict=True)
    has_types = "features" in files[0]
    write_lines(features, ["\t".join(row[: 3 if has_types else 2]) for row in rows])
    write_lines(barcodes, BARCODES)
    write_values(matrix, sparse.coo_matrix(counts.T))
    return folder


def write_v3(path: Path, counts=COUNTS, types=None, **leave_out_or_replace) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = sparse.csc_matrix(counts.T)
    parts = {key: getattr(matrix, key) for key in ("data", "indices", "indptr")}
    parts |= {"shape": np.array(matrix.shape), "barcodes": np.array(BARCODES, "S")}
    parts |= {
        "features/id": np.array(IDS, "S"),
        "features/name": np.array(GENES, "S"),
        "features/feature_type": np.array(types or [GEX] * 5, "S"),
        "features/genome": np.array(["mm10"] * 5, "S"),
    }
    parts |= {key.replace("__", "/"): value for key, value in leave_out_or_replace.items()}
    with h5py.File(path, "w") as file:
        for key, value in parts.items():
            if value is not None:
                file[f"matrix/{key}"] = value
    return path


def write_v2(path: Path, *genomes: str) -> Path:
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(path, "w") as file:
        for genome in genomes:
            group = file.create_group(genome)
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(matrix, key)
            group["shape"], group["barcodes"] = matrix.shape, np.array(BARCODES, "S")
            group["genes"], group["gene_names"] = np.array(IDS, "S"), np.array(GENES, "S")
    return path


def is_whole(adata: AnnData) -> bool:
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert adata.X.dtype == np.float32 and sparse.isspmatrix_csr(adata.X)
    assert list(adata.obs_names) == BARCODES
    assert list(adata.var_names) == ["Actb", "Gapdh", "Twice", "Twice-1", "Sox2"]
    assert list(adata.var["gene_ids"]) == IDS
    assert "1 repeated gene symbols were given a suffix such as -1." in notes(adata)
    return True


def notes(adata: AnnData) -> list[str]:
    return list(adata.uns["spatialrecon"].get("notes", []))


def test_a_matrix_in_hdf5_of_either_version_is_read(tmp_path) -> None:
    assert is_whole(read_adata(write_v3(tmp_path / "filtered_feature_bc_matrix.h5")))
    assert is_whole(read_adata(write_v2(tmp_path / "filtered_gene_bc_matrices_h5.h5", "GRCh38")))
    assert is_whole(read_adata(write_v3(tmp_path / "any name.h5")))


@pytest.mark.parametrize("prefix", ["", "GSM123_brain_", "GSM123.brain."])
@pytest.mark.parametrize(
    "files",
    [
        V2,
        V3,
        ("features.tsv", "barcodes.tsv", "matrix.mtx"),
        ("genes.tsv.gz", "barcodes.tsv.gz", "matrix.mtx.gz"),
        ("features.tsv.gz", "barcodes.tsv", "matrix.mtx"),
    ],
    ids=["v2", "v3", "v3 unzipped", "v2 zipped", "mixed"],
)
def test_the_three_files_are_read_zipped_or_not_with_a_prefix_or_not(tmp_path, prefix, files):
    folder = write_mtx(tmp_path, prefix, files)
    assert is_whole(read_adata(folder))
    assert is_whole(read_adata(folder / f"{prefix}{files[2]}"))
    assert ("feature_types" in read_adata(folder).var) == ("features" in files[0])


def test_samples_of_one_folder_are_chosen_by_their_prefix(tmp_path) -> None:
    write_mtx(tmp_path, "GSM1_a_")
    write_mtx(tmp_path, "GSM2_b.", counts=COUNTS + 1)
    write_v3(tmp_path / "GSM3_c_filtered_feature_bc_matrix.h5", COUNTS + 2)
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path)
    assert caught.value.option == "library"
    assert caught.value.choices == ("GSM1_a", "GSM2_b", "GSM3_c")
    for plus, library in enumerate(caught.value.choices):
        adata = read_adata(tmp_path, library=library)
        np.testing.assert_array_equal(adata.X.toarray(), COUNTS + plus)
    with pytest.raises(ChoiceError, match="found 'GSM4'"):
        read_adata(tmp_path, library="GSM4")


def test_samples_may_share_one_list_of_genes(tmp_path) -> None:
    write_mtx(tmp_path, "GSM1_")
    (tmp_path / "GSM1_features.tsv.gz").rename(tmp_path / "GSE9_features.tsv.gz")
    assert is_whole(read_adata(tmp_path))


@pytest.mark.parametrize("inside", ["", "outs", "sample/outs"])
def test_a_run_is_read_from_outs_or_its_parent(tmp_path, inside: str) -> None:
    write_v3(tmp_path / inside / "raw_feature_bc_matrix.h5", COUNTS + 1)
    write_mtx(tmp_path / inside / "filtered_feature_bc_matrix")
    (tmp_path / inside / "molecule_info.h5").write_bytes(b"")
    opened = tmp_path / inside
    assert is_whole(read_adata(opened))
    if opened.name == "outs":
        assert is_whole(read_adata(opened.parent))


def test_a_run_of_version_2_holds_its_matrix_in_the_folder_of_a_genome(tmp_path) -> None:
    for genome, plus in (("GRCh38", 0), ("mm10", 1)):
        folder = tmp_path / "outs" / "filtered_gene_bc_matrices" / genome
        write_mtx(folder, files=V2, counts=COUNTS + plus)
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path)
    assert (caught.value.option, caught.value.choices) == ("genome", ("GRCh38", "mm10"))
    assert is_whole(read_adata(tmp_path, genome="GRCh38"))
    np.testing.assert_array_equal(read_adata(tmp_path, genome="mm10").X.toarray(), COUNTS + 1)


def test_a_file_of_version_2_may_hold_several_genomes(tmp_path) -> None:
    path = write_v2(tmp_path / "both.h5", "GRCh38", "mm10")
    with pytest.raises(ChoiceError, match="genomes"):
        read_adata(path)
    assert is_whole(read_adata(path, genome="mm10"))


def test_samples_of_a_multi_run_are_chosen(tmp_path) -> None:
    for plus, sample in enumerate(("control", "treated")):
        folder = tmp_path / "outs" / "per_sample_outs" / sample / "count"
        write_v3(folder / "sample_filtered_feature_bc_matrix.h5", COUNTS + plus)
        write_mtx(folder / "sample_filtered_feature_bc_matrix", counts=COUNTS + plus)
    write_v3(tmp_path / "outs" / "multi" / "count" / "raw_feature_bc_matrix.h5")
    with pytest.raises(ChoiceError) as caught:
        read_adata(tmp_path)
    assert caught.value.choices == ("control", "treated")
    assert is_whole(read_adata(tmp_path, library="control"))
    sample = tmp_path / "outs" / "per_sample_outs" / "treated"
    np.testing.assert_array_equal(read_adata(sample).X.toarray(), COUNTS + 1)


def test_the_unfiltered_matrix_is_read_where_it_is_all_there_is_and_said(tmp_path) -> None:
    counts = COUNTS.copy()
    counts[[1, 4]] = 0
    write_v3(tmp_path / "outs" / "raw_feature_bc_matrix.h5", counts)
    write_mtx(tmp_path / "raw_feature_bc_matrix", counts=counts)
    for path in (tmp_path / "outs", tmp_path / "raw_feature_bc_matrix"):
        adata = read_adata(path)
        assert list(adata.obs_names) == [b for i, b in enumerate(BARCODES) if i not in (1, 4)]
        assert any("empty droplets (2 without counts were excluded)" in n for n in notes(adata))


@pytest.mark.parametrize("form", ["h5", "mtx"])
def test_only_genes_are_kept_and_the_others_counted(tmp_path, form: str) -> None:
    types = [GEX, GEX, "Antibody Capture", "Antibody Capture", "CRISPR Guide Capture"]
    path = write_v3(tmp_path / "m.h5", types=types) if form == "h5" else tmp_path / "m"
    if form == "mtx":
        write_mtx(path, types=types)
    adata = read_adata(path)
    assert list(adata.var_names) == ["Actb", "Gapdh"]
    assert "2 Antibody Capture, 1 CRISPR Guide Capture" in notes(adata)[0]


def test_a_matrix_without_genes_is_refused(tmp_path) -> None:
    path = write_v3(tmp_path / "m.h5", types=["Antibody Capture"] * 5)
    with pytest.raises(InputError, match="found only 5 Antibody Capture"):
        read_adata(path)


def test_a_matrix_that_lies_the_other_way_round_is_turned_and_said(tmp_path) -> None:
    write_mtx(tmp_path, counts=COUNTS)
    write_values(tmp_path / "matrix.mtx.gz", sparse.coo_matrix(COUNTS))
    adata = read_adata(tmp_path)
    assert is_whole(adata) and any("the other way round" in note for note in notes(adata))


def test_all_that_does_not_fit_together_is_said_at_once(tmp_path) -> None:
    write_mtx(tmp_path)
    write_lines(tmp_path / "features.tsv.gz", ["a\tb\tGene Expression"] * 4)
    write_lines(tmp_path / "barcodes.tsv.gz", BARCODES[:2])
    with pytest.raises(ValidationError) as caught:
        read_adata(tmp_path)
    said = str(caught.value)
    assert "Expected 5 features, as the matrix has, found 4" in said
    assert "Expected 7 barcodes, as the matrix has, found 2" in said
    path = write_v3(
        tmp_path / "m.h5", barcodes=np.array(BARCODES[:3], "S"), features__id=np.array(IDS[:2], "S")
    )
    with pytest.raises(ValidationError) as caught:
        read_adata(path)
    assert "Expected 7 barcodes" in str(caught.value) and "5 feature ids" in str(caught.value)


def test_missing_empty_and_cut_files_are_said_at_once(tmp_path) -> None:
    write_mtx(tmp_path, "GSM1_")
    (tmp_path / "GSM1_features.tsv.gz").unlink()
    (tmp_path / "GSM1_barcodes.tsv.gz").write_bytes(b"")
    content = (tmp_path / "GSM1_matrix.mtx.gz").read_bytes()
    (tmp_path / "GSM1_matrix.mtx.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValidationError) as caught:
        read_adata(tmp_path)
    said = str(caught.value)
    assert len(caught.value.problems) == 3 and all(p.remedy for p in caught.value.problems)
    assert "GSM1_features.tsv.gz" in said and "GSM1_genes.tsv" in said
    assert "an empty file" in said and "whole matrix" in said


@pytest.mark.parametrize("content", [b"", b"%%MatrixMarket", b"%%MatrixMarket matrix coordinate"])
def test_an_empty_or_foreign_mtx_is_refused(tmp_path, content: bytes) -> None:
    write_mtx(tmp_path, files=V2)
    (tmp_path / "matrix.mtx").write_bytes(content)
    with pytest.raises(InputError, match=r"MatrixMarket form|empty") as caught:
        read_adata(tmp_path)
    assert "copying" in caught.value.remedy


@pytest.mark.parametrize("part", ["data", "indptr", "features/name", "features/feature_type"])
def test_a_part_that_is_missing_is_named(tmp_path, part: str) -> None:
    path = write_v3(tmp_path / "m.h5", **{part.replace("/", "__"): None})
    with pytest.raises(InputError, match=f"found no {part}"):
        read_adata(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_refused(tmp_path, share: float) -> None:
    path = write_v3(tmp_path / "m.h5")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        read_adata(path)
    assert str(path) in str(caught.value) and "copying" in caught.value.remedy


def test_an_hdf5_file_of_another_kind_is_refused_with_what_it_holds(tmp_path) -> None:
    path = tmp_path / "molecule_info.h5"
    with h5py.File(path, "w") as file:
        file["barcode_idx"], file["umi"] = [1, 2], [3, 4]
    with pytest.raises(InputError, match="barcode_idx, umi"):
        read_adata(path)


def test_a_file_of_another_tool_with_sizes_as_floats_is_read(tmp_path) -> None:
    matrix = sparse.csc_matrix(COUNTS.T)
    floats = {key: getattr(matrix, key).astype(float) for key in ("data", "indices", "indptr")}
    path = write_v3(tmp_path / "m.h5", shape=np.array([5.0, 7.0]), **floats)
    assert is_whole(read_adata(path))


def test_indices_beyond_the_features_are_refused(tmp_path) -> None:
    indices = sparse.csc_matrix(COUNTS.T).indices + 1
    with pytest.raises(ValidationError, match="indices of 5 features, found 1 to 5"):
        read_adata(write_v3(tmp_path / "m.h5", indices=indices))


@pytest.mark.realdata
def test_real_matrices_alone_are_read(realdata) -> None:
    import scanpy

    path = realdata / "platforms" / "visium_seurat" / "filtered_feature_bc_matrix.h5"
    wanted, found = scanpy.read_10x_h5(path), read_adata(path)
    assert (found.X != wanted.X).nnz == 0 and list(found.var_names) == list(wanted.var_names)
    assert list(found.var["gene_ids"]) == list(wanted.var["gene_ids"])
    cells = read_adata(realdata / "platforms" / "Xenium_small" / "cell_feature_matrix.h5")
    assert cells.shape == (6, 4) and cells.X.sum() == 21
    assert cells.var["gene_ids"].iloc[0] == "ENSG00000121270"
