"""COME imputes genes that it never saw, with an objective chosen on others."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.come import gene_mapping
from napari_spatialrecon.methods.come.config import ComeGenesConfig
from napari_spatialrecon.methods.come.gene_mapping import GeneMappings
from napari_spatialrecon.methods.come.genes import ComeGenes
from napari_spatialrecon.methods.genes.stepping_back import (
    LINEAR,
    better_than,
    gene_correlations,
)
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

SMALL = {"steps": 10, "pretraining.steps": 5, "mappings": 2}


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


@pytest.mark.parametrize(
    "more",
    [{}, {"choose": False}, {"mappings": 1}, {"dense_limit": 0, "kept": 30}],
)
def test_unseen_genes_follow_the_gradient(tables, more):
    slide, cells, truth = tables
    config = ComeGenesConfig().with_values({**SMALL, **more})
    method = ComeGenes(config).fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
    (block,) = method.impute([f"G{i}" for i in range(25, 30)])
    pcc = [np.corrcoef(t, v)[0, 1] for t, v in zip(truth.T, block.values.T, strict=True)]
    assert np.mean(pcc) > 0.8
    assert ("objective" in method.report()) == config.choose
    assert np.asarray(method.fitted.weights.sum(axis=1)).ravel() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dense_limit", [20, 0])
def test_the_mean_is_of_mappings_that_each_lack_another_part_of_the_genes(
    tables, dense_limit, monkeypatch
):
    slide, cells, _ = tables
    config = ComeGenesConfig(choose=False, dense_limit=dense_limit, kept=20)
    method = ComeGenes(config.with_values({**SMALL, "mappings": 3}))
    learn, seen = GeneMappings.learn, []

    def remember(self, spots, *rest):
        seen.append(spots)
        return learn(self, spots, *rest)

    monkeypatch.setattr(GeneMappings, "learn", remember)
    method.fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
    assert [s.shape[1] for s in seen] == [16, 17, 17]
    columns = [{c.tobytes() for c in s.T} for s in seen]
    assert len(set.union(*columns)) == 25
    assert not set.intersection(*columns)


def test_a_few_shared_genes_make_one_mapping(tables, monkeypatch):
    slide, cells, _ = tables
    method = ComeGenes(ComeGenesConfig().with_values(SMALL))
    learn, seen = GeneMappings.learn, []
    monkeypatch.setattr(GeneMappings, "learn", lambda *given: seen.append(1) or learn(*given))
    method.fit(prepare_slide(slide[:, :4].copy(), "slide"), prepare_query(cells, "cells"))
    assert len(seen) == 1


def test_one_mapping_is_kept_where_several_are_no_better_on_hidden_genes(tables, monkeypatch):
    slide, cells, _ = tables

    def mappings(several):
        looks = [0.1] * 5, [0.1, 0.2, 0.3]  # at eq. 11 and at gene cosines
        values = iter([*looks[0], *looks[1], several])

        def told(truth, _):
            return np.full(truth.shape[1], next(values))

        monkeypatch.setattr(gene_mapping, "gene_correlations", told)
        method = ComeGenes(ComeGenesConfig().with_values(SMALL))
        method.fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
        return method.report()["mappings"]

    assert mappings(0.29) == 1
    assert mappings(0.31) == 2


def test_a_gene_that_the_reference_lacks_is_named(tables):
    slide, cells, _ = tables
    config = ComeGenesConfig(choose=False, steps=2)
    method = ComeGenes(config).fit(prepare_slide(slide, "slide"), prepare_query(cells, "cells"))
    with pytest.raises(InputError, match="found Nope, which it lacks"):
        list(method.impute(["G26", "Nope"]))


def test_a_mapping_that_finds_hidden_genes_worse_than_a_linear_map_gives_way_to_it(tables):
    slide, cells, truth = tables
    useless = {**SMALL, "start": "constant", "rate": 0.0}
    prepared = prepare_slide(slide, "slide"), prepare_query(cells, "cells")
    method = ComeGenes(ComeGenesConfig().with_values(useless)).fit(*prepared)
    report = method.report()
    assert report["stepped_back_to"] in LINEAR
    assert report["inner_linear_pcc"] > 0.8 > 0.2 > report["inner_pcc"]
    (block,) = method.impute([f"G{i}" for i in range(25, 30)])
    assert gene_correlations(truth, block.values).mean() > 0.8
    assert any("Stepped back to the linear map" in note for note in method.fitted.notes)
    as_asked = ComeGenes(ComeGenesConfig().with_values({**useless, "choose": False}))
    (block,) = as_asked.fit(*prepared).impute(["G25"])
    assert abs(gene_correlations(truth[:, :1], block.values)[0]) < 0.2


def test_a_linear_map_has_to_be_better_beyond_chance():
    rng = np.random.default_rng(0)
    own = rng.normal(0.3, 0.1, 40)
    assert better_than(own, own + 0.05 + rng.normal(0, 0.01, 40))
    assert not better_than(own, own + rng.normal(0.001, 0.1, 40))
    assert not better_than(own, own - 0.05)
    assert not better_than(own[:1], own[:1] + 1)
