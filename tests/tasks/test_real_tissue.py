"""Placing real cells, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import hold_out_cells
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata

pytestmark = pytest.mark.realdata


def correlation(truth, placed):
    """Spearman's correlation of the distances between 1,000 cells at most."""
    return spearmanr(pdist(truth[:1000]), pdist(placed[:1000])).statistic


@pytest.fixture(scope="module")
def her2(realdata):
    """Two sections as references and the third as cells without places."""
    slides = {n: read_adata(realdata / "st_her2_he" / f"{n}.h5ad") for n in ("C2", "C3", "C5")}
    query = slides.pop("C5")
    query = query[np.asarray(query.X.sum(axis=1)).ravel() >= 10].copy()
    return slides, hide_places(query), query


@pytest.fixture(scope="module")
def embryo(realdata):
    """Pseudo-spots of half the cells, and the other half as cells."""
    cells = read_adata(realdata / "seqfish_embryo2" / "seqfish_embryo2.h5ad")
    return hold_out_cells(cells)


def places_of(result, query):
    rows = query.obs_names.get_indexer(result.adata.obs_names)
    return np.asarray(query.obsm["spatial"], float)[rows], result.adata.obsm["spatial"]


def test_knn_places_the_spots_of_a_section_between_two_others(her2):
    slides, hidden, query = her2
    result = place(slides, hidden, method="knn")
    assert correlation(*places_of(result, query)) > 0.70
    assert result.adata.uns["spatialrecon"]["um_per_unit"] == pytest.approx(0.688, abs=0.01)


def test_knn_places_the_cells_of_an_embryo(embryo):
    spots, cells, truth = embryo
    result = place({"spots": spots}, cells, method="knn")
    assert correlation(truth, result.adata.obsm["spatial"]) > 0.90
    errors = np.linalg.norm(truth - result.adata.obsm["spatial"], axis=1)
    assert spearmanr(errors, result.adata.obs["placement_uncertainty"]).statistic > 0.2


def test_a_few_steps_of_dpvae_beat_chance(her2, embryo):
    config = DPVAEConfig().with_values(
        {"members": 1, "training.steps": 60, "validate": False, "network.width": 128}
    )
    slides, hidden, query = her2
    result = place(slides, hidden, config=config)
    assert correlation(*places_of(result, query)) > 0.35
    spots, cells, truth = embryo
    result = place({"spots": spots}, cells, config=config)
    assert correlation(truth, result.adata.obsm["spatial"]) > 0.6


def test_half_of_an_embryo_missing_from_the_cells_is_said(embryo):
    spots, cells, truth = embryo
    half = cells[truth[:, 1] < np.median(truth[:, 1])].copy()
    said = {
        name: any("may be missing" in n for n in place({"s": spots}, q, method="knn").notes)
        for name, q in (("whole", cells), ("half", half))
    }
    assert said == {"whole": False, "half": True}


def test_the_histology_of_a_real_section_is_found(realdata):
    slide = read_adata(realdata / "st_her2_he" / "C2.h5ad")
    image = histology(slide, realdata / "st_her2_he")
    assert image is not None
    assert image.um_per_unit == pytest.approx(0.688, abs=0.01)
