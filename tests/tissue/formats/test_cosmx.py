"""Reading CosMx flat files: fields of view, pixels to µm, y up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.errors import ChoiceError, InputError, ValidationError
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.read import read_adata

FOV, CELL = [1, 1, 2, 2], [1, 2, 1, 2]
XY = np.array([[100.0, 1000.0], [300.0, 1200.0], [5000.0, 1000.0], [5200.0, 1400.0]])
COUNTS = np.array([[1, 0, 2], [0, 5, 0], [3, 0, 0], [0, 1, 1]])


def write(folder: Path, prefix: str = "S1_", gz: str = "", **columns: object) -> Path:
    folder.mkdir(exist_ok=True)
    keys = {"fov": FOV, "cell_ID": CELL}
    places = {"CenterX_global_px": XY[:, 0], "CenterY_global_px": XY[:, 1], "Area": [400] * 4}
    meta = pd.DataFrame({**keys, **places, **columns}).iloc[::-1]
    meta.to_csv(folder / f"{prefix}metadata_file.csv{gz}", index=False)
    genes = dict(zip(["KRT8", "ACTA2", "NegPrb03"], COUNTS.T, strict=True))
    counts = pd.DataFrame({**keys, **genes})
    outside = pd.DataFrame({"fov": [1], "cell_ID": [0], "KRT8": [999], "ACTA2": [1]})
    pd.concat([outside, counts]).to_csv(folder / f"{prefix}exprMat_file.csv{gz}", index=False)
    return folder


def notes(adata) -> str:
    return " ".join(adata.uns["spatialrecon"]["notes"])


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_pixels_become_um_and_y_points_down(tmp_path, gz: str) -> None:
    adata = read_adata(write(tmp_path / "run", gz=gz))
    np.testing.assert_allclose(adata.obsm["spatial"][:, 0], XY[:, 0] * 0.12028)
    np.testing.assert_allclose(adata.obsm["spatial"][:, 1], (2400 - XY[:, 1]) * 0.12028)
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, :2])
    assert list(adata.obs_names) == ["1_1", "1_2", "2_1", "2_2"]
    assert contract.um_per_unit(adata) == 1
    assert "0.12028" in notes(adata) and "y points up" in notes(adata)
    assert "NegPrb03" in notes(adata) and "no position" not in notes(adata)


def test_the_size_of_a_pixel_is_taken_from_the_files_where_they_state_it(tmp_path) -> None:
    run = write(tmp_path / "run")
    fovs = {"FOV": [1, 2], "x_global_px": [0.0, 4000.0], "y_global_px": [0.0, 0.0]}
    fovs |= {"x_global_mm": [0.0, 0.72], "y_global_mm": [0.0, 0.0]}
    pd.DataFrame(fovs).to_csv(run / "S1_fov_positions_file.csv", index=False)
    adata = read_adata(run, y_axis="down")
    np.testing.assert_allclose(adata.obsm["spatial"], XY * 0.18)
    assert "size of a pixel" not in " ".join(adata.uns["spatialrecon"].get("notes", []))
    by_area = write(tmp_path / "area", **{"Area.um2": [400 * 0.04] * 4})
    np.testing.assert_allclose(read_adata(by_area, y_axis="down").obsm["spatial"], XY * 0.2)


def test_a_field_of_view_is_chosen_as_region(tmp_path) -> None:
    run = write(tmp_path / "run")
    assert list(read_adata(run, region="2").obs_names) == ["2_1", "2_2"]
    with pytest.raises(ChoiceError, match="fields of view"):
        read_adata(run, region="7")


def test_several_slides_in_a_folder_or_a_file_are_a_choice(tmp_path) -> None:
    folder = write(write(tmp_path / "two", "A_"), "B_")
    with pytest.raises(ChoiceError) as caught:
        read_adata(folder)
    assert caught.value.choices == ("A", "B")
    assert read_adata(folder, library="B").n_obs == 4
    merged = write(tmp_path / "merged", slide_ID=["x", "x", "y", "y"])
    with pytest.raises(ChoiceError, match="slides"):
        read_adata(merged)
    assert list(read_adata(merged, library="y").obs_names) == ["2_1", "2_2"]


def test_everything_that_is_missing_is_said_at_once(tmp_path) -> None:
    run = write(tmp_path / "run")
    (run / "S1_exprMat_file.csv").unlink()
    path = run / "S1_metadata_file.csv"
    pd.read_csv(path).drop(columns="CenterY_global_px").to_csv(path, index=False)
    with pytest.raises(ValidationError) as caught:
        read_adata(run)
    assert len(caught.value.problems) == 2
    assert "S1_exprMat_file.csv" in str(caught.value)
    assert "CenterY_global_px" in str(caught.value)


def test_a_large_table_is_read_in_blocks_and_stays_sparse(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(csv_counts, "_BLOCK", 5)
    adata = read_adata(write(tmp_path / "run"))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[:, :2])
    assert adata.X.format == "csr"


def test_a_value_that_is_no_number_is_refused(tmp_path) -> None:
    run = write(tmp_path / "run")
    path = run / "S1_exprMat_file.csv"
    path.write_text(path.read_text().replace("999", "many"))
    with pytest.raises(InputError, match=r"can be parsed.*many") as caught:
        read_adata(run)
    assert caught.value.remedy


@pytest.mark.realdata
def test_a_real_slide_is_read(realdata) -> None:
    folder = realdata / "platforms" / "CosMx_small"
    adata = read_adata(folder)
    truth = pd.read_csv(folder / "lung_p9s1_metadata_file.csv")
    y = truth["CenterY_global_px"]
    np.testing.assert_allclose(
        adata.obsm["spatial"],
        np.column_stack([truth["CenterX_global_px"], y.min() + y.max() - y]) * 0.12028,
    )
    assert adata.shape == (9, 8)
