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
