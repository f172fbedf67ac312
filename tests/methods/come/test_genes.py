"""COME imputes genes that it never saw, with an objective chosen on others."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.come.config import ComeGenesConfig
from napari_spatialrecon.methods.come.genes import ComeGenes
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

SMALL = {"steps": 10, "pretraining.steps": 5}


@pytest.fixture(scope="module")
def tables():
    """Spots along a gradient, cells of the same gradient, 30 genes of which the slide lacks 5."""
    rng = np.random.default_rng(0)
    centres = rng.random(30)

    def counts(along):
        rate = 1 + 30 * np.exp(-(((along[:, None] - centres) / 0.2) ** 2))
        return rng.poisson(rate).astype(np.float32)

    along = np.linspace(0, 1, 40)
    names = np.array([f"G{i}" for i in range(30)])
    slide, cells = AnnData(counts(along)), AnnData(counts(rng.random(80)))
    slide.var_names, cells.var_names = names, names
    slide.obsm["spatial"] = np.c_[along, np.zeros(40)]
    truth = np.log1p(np.asarray(slide.X[:, 25:]))
    return slide[:, :25].copy(), cells, truth


@pytest.mark.parametrize("more", [{}, {"choose": False}, {"dense_limit": 0, "kept": 30}])
def test_unseen_genes_follow_the_gradient(tables, more):
    slide, cells, truth = tables
    config = ComeGenesConfig().with_values({**SMALL, **more})
    method = ComeGenes(config).fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
    (block,) = method.impute([f"G{i}" for i in range(25, 30)])
    pcc = [np.corrcoef(t, v)[0, 1] for t, v in zip(truth.T, block.values.T, strict=True)]
    assert np.mean(pcc) > 0.8
    assert ("objective" in method.report()) == config.choose


def test_a_gene_that_the_reference_lacks_is_named(tables):
    slide, cells, _ = tables
    config = ComeGenesConfig(choose=False, steps=2)
    method = ComeGenes(config).fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
    with pytest.raises(InputError, match="found Nope that it lacks"):
        list(method.impute(["G26", "Nope"]))
