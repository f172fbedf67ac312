from __future__ import annotations

import json

import anndata
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def turned(inputs, tmp_path):
    """A slide turned off its image, its true places, and a file of six pairs."""
    slide = anndata.read_h5ad(inputs / "section1.h5ad")
    true = np.asarray(slide.obsm["spatial"], float)
    here = true @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + [5000.0, 10.0]
    slide.obsm["spatial"] = here
    slide.write_h5ad(tmp_path / "turned.h5ad")
    rows = np.random.default_rng(0).choice(len(true), 6, replace=False)
    table = pd.DataFrame(np.hstack([here[rows], true[rows]]), columns=["x", "y", "ref_x", "ref_y"])
    table.to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path, true


def test_pairs_lay_a_slide_on_its_image(run, turned) -> None:
    folder, true = turned
    code, out, err = run(
        *("align", "--slide", folder / "turned.h5ad", "--pairs", folder / "pairs.csv"),
        *("--out", folder / "a.h5ad", "--json", "-", "--picture", folder / "a.png"),
    )
    assert code == 0, err
    np.testing.assert_allclose(
        anndata.read_h5ad(folder / "a.h5ad").obsm["spatial"], true, atol=1e-4
    )
    assert "root mean square 0.0 µm" in err
    assert json.loads(out)["metrics"]["rmse"] < 1e-4
    assert (folder / "a.run.json").is_file() and (folder / "a.png").is_file()
    code, _, err = run(
        *("align", "--slide", folder / "turned.h5ad", "--like", folder / "a.h5ad"),
        *("--out", folder / "b.h5ad"),
    )
    assert code == 0, err
    np.testing.assert_allclose(
        anndata.read_h5ad(folder / "b.h5ad").obsm["spatial"], true, atol=1e-4
    )


def test_the_same_command_writes_the_same_bytes(run, turned) -> None:
    folder, _ = turned
    for name in ("a", "b"):
        run(
            *("align", "--slide", folder / "turned.h5ad", "--pairs", folder / "pairs.csv"),
            *("--out", folder / f"{name}.h5ad"),
        )
    assert (folder / "a.h5ad").read_bytes() == (folder / "b.h5ad").read_bytes()


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("x,y,ref_x,ref_y\n1,2,3,4\n5,9,7,8\n", "Try 1 more pair"),
        ("x,y,ref_x,ref_y\n0,0,3,4\n1,1,7,8\n2,2,9,1\n", "on one line"),
        ("x,y,ref_x,ref_y\n0,0,3,4\n0,0,7,8\n0,0,9,1\n", "in one place"),
        ("x,y,ref_x,ref_y\n0,nan,3,4\n0,0,7,8\n0,0,9,1\n", "four finite numbers"),
        ("x,y,u,v\n0,0,3,4\n", "ref_x, ref_y"),
        ("", "CSV file"),
    ],
)
def test_bad_pairs_are_refused_and_nothing_is_written(run, turned, lines, problem) -> None:
    folder, _ = turned
    (folder / "bad.csv").write_text(lines)
    code, _, err = run(
        *("align", "--slide", folder / "turned.h5ad", "--pairs", folder / "bad.csv"),
        *("--out", folder / "a.h5ad"),
    )
    assert code == 2 and problem in err and not (folder / "a.h5ad").exists()


def test_pairs_and_auto_exclude_each_other_and_smoothing_has_a_bound(run, turned) -> None:
    folder, _ = turned
    words = ["align", "--slide", folder / "turned.h5ad", "--out", folder / "a.h5ad"]
    with pytest.raises(SystemExit):
        run(*words, "--auto", "--pairs", folder / "pairs.csv")
    code, _, err = run(*words, "--pairs", folder / "pairs.csv", "--smoothing", "-1")
    assert code == 2 and "smoothing of 0 or more" in err


@pytest.fixture
def explorer(inputs, tmp_path):
    """Xenium cells in µm, both files of Xenium Explorer for them, and their pixels on the H&E."""
    cells = anndata.read_h5ad(inputs / "section1.h5ad")
    xy = np.asarray(cells.obsm["spatial"], float)
    cells.uns = {"spatialrecon": {"unit": "um"}}
    cells.write_h5ad(tmp_path / "cells.h5ad")
    matrix = np.array([[0.0, 1.3, 800.0], [-1.3, 0.0, 9000.0], [0.0, 0.0, 1.0]])
    there = (np.linalg.inv(matrix) @ np.column_stack([xy / 0.2125, np.ones(len(xy))]).T).T[:, :2]
    np.savetxt(tmp_path / "he_imagealignment.csv", matrix, delimiter=",")
    names = ["fixedX", "fixedY", "alignmentX", "alignmentY"]
    points = np.hstack([xy / 0.2125, there])[:: len(xy) // 5]
    pd.DataFrame(points, columns=names).to_csv(tmp_path / "keypoints.csv", index=False)
    return tmp_path, there


@pytest.mark.parametrize(
    "how", [("--transform", "he_imagealignment.csv"), ("--pairs", "keypoints.csv")]
)
def test_files_of_xenium_explorer_lay_cells_on_their_image(run, explorer, how) -> None:
    folder, there = explorer
    option, name = how
    code, _, err = run(
        *("align", "--slide", folder / "cells.h5ad", option, folder / name),
        *("--out", folder / "a.h5ad", "--save-alignment", folder / "back_matrix.csv"),
    )
    assert code == 0, err
    aligned = anndata.read_h5ad(folder / "a.h5ad")
    np.testing.assert_allclose(aligned.obsm["spatial"], there, atol=1e-5)
    matrix = np.loadtxt(folder / "he_imagealignment.csv", delimiter=",")
    back = np.loadtxt(folder / "back_matrix.csv", delimiter=",")
    np.testing.assert_allclose(back, matrix, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "name", "right"),
    [
        ("--pairs", "he_imagealignment.csv", "--transform"),
        ("--transform", "keypoints.csv", "--pairs"),
    ],
)
def test_a_file_of_the_other_kind_is_told_its_option(run, explorer, wrong, name, right) -> None:
    folder, _ = explorer
    words = ["align", "--slide", folder / "cells.h5ad", "--out", folder / "a.h5ad"]
    code, _, err = run(*words, wrong, folder / name)
    assert code == 2 and f"Try {right} {folder / name}." in err
    assert run(*words, right, folder / name)[0] == 0


@pytest.mark.parametrize("form", ["pairs", "keypoints", "matrix", "spatialdata"])
def test_an_alignment_is_saved_in_each_form_and_read_back(run, explorer, form) -> None:
    folder, there = explorer
    saved = folder / ("back.zarr" if form == "spatialdata" else "back.csv")
    words = ["align", "--slide", folder / "cells.h5ad", "--model", "affine"]
    code, _, err = run(
        *(*words, "--pairs", folder / "keypoints.csv", "--out", folder / "a.h5ad"),
        *("--save-alignment", saved, "--form", form),
    )
    assert code == 0, err
    how = "--transform" if form == "matrix" else "--pairs"
    code, _, err = run(*words, how, saved, "--out", folder / "b.h5ad")
    assert code == 0, err
    np.testing.assert_allclose(
        anndata.read_h5ad(folder / "b.h5ad").obsm["spatial"], there, atol=1e-4
    )
