"""super-resolve on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from anndata import AnnData, read_h5ad
from scipy import sparse


@pytest.fixture
def slide(tmp_path):
    y, x = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    counts = np.random.default_rng(0).poisson(3.0, (64, 5)).astype(np.float32)
    table = AnnData(sparse.csr_matrix(counts))
    table.obs_names = [f"bin{i}" for i in range(64)]
    table.var_names = [f"Gene{i}" for i in range(5)]
    table.obsm["spatial"] = np.c_[x.ravel(), y.ravel()].astype(float)
    table.write_h5ad(tmp_path / "lr.h5ad")
    return tmp_path / "lr.h5ad"


def test_a_slide_is_split_and_the_record_says_that_mass_is_conserved(run, slide, tmp_path):
    out = tmp_path / "sr.h5ad"
    words = ["--slide", slide, "--factor", "2x5", "--method", "bilinear", "--out", out]
    code, _, err = run("super-resolve", *words)
    assert code == 0 and "Counts conserved" in err and "about" in err
    assert read_h5ad(out).n_obs == 640
    assert json.loads((tmp_path / "sr.run.json").read_text())["metrics"]["fd"] <= 1e-6


def test_the_result_is_judged_against_the_truth(run, slide, tmp_path):
    out = tmp_path / "sr.h5ad"
    run("super-resolve", "--slide", slide, "--method", "uniform", "--out", out)
    code, text, _ = run("evaluate", "super-resolve", "--truth", out, "--prediction", out)
    report = json.loads(text)
    assert code == 0 and report["pcc_gene"] == pytest.approx(1) and report["fd"] < 1e-6
    assert set(report["ari"]) == {"kmeans", "leiden", "mixture"}


@pytest.mark.parametrize(
    "words", [["--factor", "1x1"], ["--genes", "Nothing"], ["--guided"], ["--method", "knn"]]
)
def test_wrong_options_leave_nothing_behind(run, slide, tmp_path, words):
    out = tmp_path / "sr.h5ad"
    method = [] if "--method" in words else ["--method", "uniform"]
    code, _, err = run("super-resolve", "--slide", slide, "--out", out, *method, *words)
    assert code == 2 and "Try" in err
    assert not out.exists()
