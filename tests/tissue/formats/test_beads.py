"""Reading bead arrays: Slide-seq and Curio Seeker."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import io as scipy_io
from scipy import sparse

from napari_spatialrecon.errors import ChoiceError, InputError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.tissue.read import read_adata

BEADS = ["AACGTCATAATCGT", "TACTTTAGCGCAGT", "CATGCCTGGGTTCG", "GGGGGGGGGGGGGG"]
XY = np.array([[1000.0, 2000.0], [1500.0, 2500.0], [3000.0, 1000.0], [1.0, 1.0]])
COUNTS = np.array([[1, 0, 2], [0, 3, 0], [5, 0, 0]])
GENES = ["Actb", "Ttr", "Penk"]


def places(path: Path, header: bool, names=("barcodes", "xcoord", "ycoord")) -> None:
    table = pd.DataFrame({names[0]: BEADS, names[1]: XY[:, 0], names[2]: XY[:, 1]}).iloc[::-1]
    table.to_csv(path, index=False, header=header)


def slideseq(folder: Path, prefix: str = "Puck_200115_08", header: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    places(folder / f"{prefix}_bead_locations.csv", header)
    with gzip.open(folder / f"{prefix}.digital_expression.txt.gz", "wt") as stream:
        stream.write("#DGE\tVERSION:1.1\n")
        pd.DataFrame(COUNTS.T, GENES, BEADS[:3]).to_csv(stream, sep="\t", index_label="GENE")
    return folder


def curio(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    places(folder / "s1_MatchedBeadLocation.csv", True, ("barcode", "SPATIAL_1", "SPATIAL_2"))
    scipy_io.mmwrite(
        folder / "s1_MoleculesPerMatchedBead.mtx", sparse.coo_matrix(COUNTS.T), field="integer"
    )
    (folder / "s1_barcodes.tsv").write_text("\n".join(BEADS[:3]) + "\n")
    (folder / "s1_genes.tsv").write_text("\n".join(GENES) + "\n")
    (folder / "s1_Metrics.csv").write_text("Category,Metric\n")
    table = AnnData(
        sparse.csr_matrix(COUNTS.astype(np.float32)),
        obs=pd.DataFrame(index=BEADS[:3]),
        var=pd.DataFrame(index=GENES),
        obsm={"spatial": XY[:3]},
    )
    table.write_h5ad(folder / "s1_anndata.h5ad")
    return folder


def check(adata, um: float) -> None:
    assert list(adata.obs_names) == BEADS[:3] and list(adata.var_names) == GENES
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    turned = np.column_stack([XY[:3, 0], 3500 - XY[:3, 1]])
    np.testing.assert_allclose(adata.obsm["spatial"], turned * um)
    assert contract.um_per_unit(adata) == 1
    assert any("y points up" in note for note in adata.uns["spatialrecon"]["notes"])


@pytest.mark.parametrize("header", [True, False])
def test_a_slideseq_puck_is_read_in_um_with_y_down(tmp_path, header: bool) -> None:
    folder = slideseq(tmp_path / "puck", header=header)
    assert find_format(folder).name == "slideseq"
    check(read_adata(folder), 0.65)
    down = read_adata(folder, y_axis="down")
    np.testing.assert_allclose(down.obsm["spatial"], XY[:3] * 0.65)


def test_the_tables_for_r_are_read_too(tmp_path) -> None:
    folder = tmp_path / "puck"
    folder.mkdir()
    places(folder / "CerebellumBeadLocationsForR.csv", True)
    table = pd.DataFrame(COUNTS.T, GENES, BEADS[:3])
    table.to_csv(folder / "CerebellumMappedDGEForR.csv", index_label="Row")
    check(read_adata(folder), 0.65)


def test_of_several_pucks_one_is_named(tmp_path) -> None:
    folder = slideseq(slideseq(tmp_path / "two", "Puck_1"), "Puck_2")
    with pytest.raises(ChoiceError) as caught:
        read_adata(folder)
    assert caught.value.choices == ("Puck_1", "Puck_2")
    check(read_adata(folder, library="Puck_2"), 0.65)


def test_a_missing_file_is_named(tmp_path) -> None:
    folder = slideseq(tmp_path / "puck")
    (folder / "Puck_200115_08_bead_locations.csv").unlink()
    with pytest.raises(ValidationError, match=r"Puck_200115_08_bead_locations\.csv"):
        read_adata(folder)


def test_a_row_that_is_cut_short_is_refused(tmp_path) -> None:
    folder = slideseq(tmp_path / "puck")
    with gzip.open(folder / "Puck_200115_08.digital_expression.txt.gz", "at") as stream:
        stream.write("Last\t1")
    with pytest.raises(InputError, match="Last has 1 values"):
        read_adata(folder)


def test_a_curio_output_has_its_own_unit(tmp_path) -> None:
    folder = curio(tmp_path / "OUTPUT")
    assert find_format(folder).name == "curio"
    check(read_adata(folder), 1 / 1.5456)


def test_a_curio_output_without_its_matrix_is_read_from_the_table(tmp_path) -> None:
    folder = curio(tmp_path / "OUTPUT")
    (folder / "s1_MoleculesPerMatchedBead.mtx").unlink()
    check(read_adata(folder), 1 / 1.5456)
    (folder / "s1_MatchedBeadLocation.csv").unlink()
    check(read_adata(folder), 1 / 1.5456)


def test_genes_that_do_not_fit_the_matrix_are_refused(tmp_path) -> None:
    folder = curio(tmp_path / "OUTPUT")
    (folder / "s1_genes.tsv").write_text("Actb\n")
    with pytest.raises(InputError, match="1 genes and 3 beads"):
        read_adata(folder)
