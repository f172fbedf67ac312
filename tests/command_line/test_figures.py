"""``spatialrecon figure``, and the pictures of ``evaluate place``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_spatialrecon.tissue.read import read_adata


@pytest.fixture
def placed(inputs, tmp_path):
    """The cells at their true places, and the same with the tissue's halves exchanged."""
    truth, cells = (read_adata(inputs / f"{name}.h5ad") for name in ("truth", "cells"))
    cells.obsm["spatial"] = truth[cells.obs_names].obsm["spatial"]
    cells.obs["cell_type"] = truth[cells.obs_names].obs["cell_type"].astype(str).to_numpy()
    cells.write_h5ad(tmp_path / "placed.h5ad")
    cells.obsm["spatial"] = np.roll(np.array(cells.obsm["spatial"]), 100, axis=0)
    cells.write_h5ad(tmp_path / "other.h5ad")
    return tmp_path


def test_communities_are_drawn_and_written(run, placed) -> None:
    out, table = placed / "communities.png", placed / "communities.csv"
    words = ["--prediction", placed / "placed.h5ad", "--out", out, "--csv", table]
    code, printed, _ = run("figure", "communities", *words)
    assert code == 0 and "purity" in printed
    assert Image.open(out).width > 600
    found = pd.read_csv(table)
    assert found["cells"].sum() == 400
    assert run("figure", "communities", *words, "--type", "x")[0] == 2


def test_genes_near_a_type_are_drawn_and_written(run, inputs, placed) -> None:
    out, table = placed / "near.png", placed / "near.csv"
    words = ["--prediction", placed / "placed.h5ad", "--out", out, "--csv", table]
    assert run("figure", "near", *words)[0] == 2
    code, *_ = run(
        "figure", "near", *words, "--slide", inputs / "section1.h5ad", "--type", "L2/3 IT"
    )
    assert code == 0
    assert {"log2_fold_change", "p_adjusted"} <= set(pd.read_csv(table))


def test_an_evaluation_is_drawn_beside_another_method(run, placed) -> None:
    truth = ["--truth", placed / "placed.h5ad", "--prediction", placed / "placed.h5ad"]
    drawn = ["--curves", placed / "curves.png", "--distances", placed / "distances.png"]
    code, *_ = run("evaluate", "place", *truth, "--beside", placed / "other.h5ad", *drawn)
    assert code == 0
    beside = Image.open(placed / "distances.png").tobytes()
    assert Image.open(placed / "curves.png").width > 600
    assert run("evaluate", "place", *truth, "--distances", placed / "alone.png")[0] == 0
    assert Image.open(placed / "alone.png").tobytes() != beside
    code, _, messages = run("evaluate", "place", *truth, "--beside", placed / "other.h5ad")
    assert code == 2 and "--curves" in messages


def test_a_transfer_matrix_is_written_and_drawn(run, inputs, tmp_path) -> None:
    sections = [f"--reference={inputs / f'section{i}.h5ad'}" for i in (1, 2)]
    table, picture = tmp_path / "transfer.csv", tmp_path / "transfer.png"
    words = ["transfer", *sections, "--method", "knn", "--out", table]
    code, printed, messages = run(*words, "--picture", picture, "--metric", "spearman")
    assert code == 0 and "mean over pairs" in messages
    found = pd.read_csv(table)
    assert len(found) == 4 and f"{found['spearman'][1]:.3f}" in printed
    assert Image.open(picture).width > 400
