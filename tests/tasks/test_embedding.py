from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.tasks.embedding import embed, embeddings


@pytest.fixture
def two_kinds() -> AnnData:
    """80 cells of two kinds that differ in ten genes."""
    rng = np.random.default_rng(0)
    rates = np.full((80, 30), 2.0)
    rates[:40, :10] = 30.0
    return AnnData(rng.poisson(rates).astype(np.float32))


def apart(points: np.ndarray) -> float:
    """Distance between the kinds over the spread within them."""
    a, b = points[:40], points[40:]
    return float(np.linalg.norm(a.mean(0) - b.mean(0)) / (a.std(axis=0) + b.std(axis=0)).mean())


def test_pca_separates_kinds_and_leaves_the_table(two_kinds: AnnData) -> None:
    before = two_kinds.X.copy()
    found = embed(two_kinds, "PCA")
    assert found.shape == (80, 2) and apart(found) > 1.0
    assert (before == two_kinds.X).all() and not two_kinds.obsm


@pytest.mark.slow
def test_umap_separates_kinds(two_kinds: AnnData) -> None:
    assert apart(embed(two_kinds, "UMAP")) > 1.0


def test_cells_without_counts_have_no_place(two_kinds: AnnData) -> None:
    two_kinds.X[5] = 0
    found = embed(two_kinds, "PCA")
    assert np.isnan(found[5]).all() and np.isfinite(np.delete(found, 5, 0)).all()


def test_too_few_cells_are_refused(two_kinds: AnnData) -> None:
    with pytest.raises(InputError, match="at least 4 cells"):
        embed(two_kinds[:3].copy(), "PCA")


def test_embedding_stops(two_kinds: AnnData) -> None:
    with pytest.raises(Stopped):
        embed(two_kinds, "PCA", should_stop=lambda: True)


def test_embeddings_are_listed_without_places_in_the_tissue(two_kinds: AnnData) -> None:
    for key in ("spatial", "X_layout", "X_pca", "X_scVI", "X_umap"):
        two_kinds.obsm[key] = np.zeros((80, 2))
    two_kinds.obsm["score"] = np.zeros((80, 1))
    assert embeddings(two_kinds) == ["X_umap", "X_pca", "X_scVI"]
