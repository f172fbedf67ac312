"""impute-genes and evaluate genes on the command line."""

from __future__ import annotations

import json

import anndata
import pandas as pd
import pytest
from PIL import Image

from napari_spatialrecon.command_line.genes import asked_genes
from napari_spatialrecon.errors import InputError


@pytest.fixture
def words(inputs, tmp_path):
    """Return the words that impute genes of section 1, and the genes it was robbed of."""
    slide = anndata.read_h5ad(inputs / "section1.h5ad")
    cells = anndata.read_h5ad(inputs / "cells.h5ad")
    hidden = [g for g in slide.var_names if g in set(cells.var_names)][-4:]
    robbed = tmp_path / "inputs" / "st.h5ad"
    robbed.parent.mkdir()
    slide[:, [g for g in slide.var_names if g not in hidden]].write_h5ad(robbed)

    def words(out, genes=None):
        genes = genes or ",".join(hidden)
        given = ["--slide", robbed, "--reference", inputs / "cells.h5ad"]
        return ["impute-genes", "--method", "knn", *given, "--genes", genes, "--out", out]

    return words, hidden


def test_genes_are_imputed_and_judged(run, words, inputs, tmp_path):
    make, hidden = words
    out, other = tmp_path / "genes.h5ad", tmp_path / "other.h5ad"
    code, _, messages = run(*make(out))
    assert code == 0, messages
    assert f"4 genes imputed: {out}" in messages
    made = anndata.read_h5ad(out)
    assert list(made.var_names) == hidden
    assert list(made.obs_names) == list(anndata.read_h5ad(inputs / "section1.h5ad").obs_names)
    record = json.loads((tmp_path / "genes.run.json").read_text())
    assert record["settings"]["slide"].endswith("st.h5ad")
    assert run(*make(other), "--set", "neighbours=2")[0] == 0
    truth = ["--truth", inputs / "section1.h5ad", "--prediction", out]
    code, printed, messages = run("evaluate", "genes", *truth, "--beside", other)
    assert code == 0, messages
    report = json.loads(printed)
    assert set(report["per_gene"]) == set(hidden)
    both = pd.DataFrame(report["per_gene"]).loc["pcc"]
    assert report["mean"]["pcc"] == pytest.approx(both.mean())
    assert set(report["accuracy_score"]) == {str(out), str(other)}
    assert 0 <= report["robustness"] <= (both > 0.5).mean()
    assert report["similarity"]["genes"] == len(hidden)
    picture = tmp_path / "alike.png"
    assert run("evaluate", "genes", *truth, "--similarity", picture)[0] == 0
    assert Image.open(picture).size[0] > 800
    code, _, messages = run("evaluate", "deconvolve", *truth, "--similarity", picture)
    assert code == 2 and "--similarity with genes" in messages


def test_a_run_of_spadit_leaves_its_reliability_diagram(run, words, inputs, tmp_path):
    make, hidden = words
    out, picture = tmp_path / "genes.h5ad", tmp_path / "found.png"
    line = ["spadit" if word == "knn" else word for word in make(out)]
    code, _, messages = run(*line, "--set", "network.on=false", "--set", "bases.mapping=false")
    assert code == 0, messages
    assert f"held-out genes: {tmp_path / 'genes.reliability.png'}" in messages
    assert Image.open(tmp_path / "genes.reliability.png").size[0] > 400
    record = json.loads((tmp_path / "genes.run.json").read_text())
    diagram = record["settings"]["report"]["reliability_diagram"]
    assert len(diagram["predicted"]) == len(diagram["found"]) >= 20
    judge = ["evaluate", "genes", "--truth", inputs / "section1.h5ad", "--picture", picture]
    code, printed, messages = run(*judge, "--prediction", out)
    assert code == 0, messages
    assert len(json.loads(printed)["reliability"]["found"]) == len(hidden)
    assert Image.open(picture).size[0] > 400


def test_without_an_expected_fit_there_is_no_diagram(run, words, inputs, tmp_path):
    make, _ = words
    out = tmp_path / "genes.h5ad"
    assert run(*make(out))[0] == 0
    judge = ["evaluate", "genes", "--truth", inputs / "section1.h5ad", "--prediction", out]
    code, _, messages = run(*judge, "--picture", tmp_path / "a.png")
    assert code == 2
    assert "genes with a predicted accuracy" in messages
    assert not list(tmp_path.glob("*.png"))


def test_a_zarr_is_written_and_replaced(run, words, tmp_path):
    make, hidden = words
    out = tmp_path / "genes.zarr"
    assert [run(*make(out))[0] for _ in range(2)] == [0, 0]
    assert list(anndata.read_zarr(out).var_names) == hidden


def test_wrong_input_leaves_nothing(run, words, tmp_path):
    make, _ = words
    for out, genes, said in (
        ("a.h5ad", "NoSuchGene", "which it lacks"),
        ("a.csv", "Abc", "with suffix .h5ad or .zarr"),
        ("a.h5ad", "names.txt", "file of gene names, found none"),
    ):
        code, _, messages = run(*make(tmp_path / out, genes))
        assert code == 2
        assert said in messages
        assert "Traceback" not in messages
    assert {p.name for p in tmp_path.iterdir()} == {"inputs"}


def test_genes_are_named_by_words_by_a_file_or_as_missing(tmp_path):
    file = tmp_path / "genes.txt"
    file.write_text("A\n\n B \n")
    assert asked_genes(str(file)) == ["A", "B"]
    assert asked_genes("A, B") == ["A", "B"]
    assert asked_genes("missing") == "missing"
    file.write_text("\n")
    with pytest.raises(InputError, match="gene names"):
        asked_genes(str(file))
