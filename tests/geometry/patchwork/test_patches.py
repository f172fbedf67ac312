from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix
from scipy.sparse.csgraph import connected_components

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.patchwork.locality import locality_graph
from napari_spatialrecon.geometry.patchwork.patches import cover
from napari_spatialrecon.progress import Reporter


def graph(n: int, seed: int = 0) -> csr_matrix:
    cells = np.random.default_rng(seed).normal(size=(n, 3))
    return locality_graph(cells, k=15).graph


def membership(patches: np.ndarray, n: int) -> csr_matrix:
    rows = np.repeat(np.arange(len(patches)), patches.shape[1])
    return csr_matrix((np.ones(patches.size), (rows, patches.ravel())), (len(patches), n))


GRAPHS = {
    "tissue": graph(1500),
    "just above a patch": graph(130),
    "pieces": csr_matrix(block_diag([graph(40, s) for s in range(20)])),
    "no edges": csr_matrix((400, 400)),
    "star": csr_matrix(
        (np.ones(998), (np.r_[np.zeros(499), 1:500], np.r_[1:500, np.zeros(499)])), (500, 500)
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("coverage", [1, 4])
def test_every_cell_is_covered_and_the_patches_hang_together(name: str, coverage: int) -> None:
    near = GRAPHS[name]
    n = near.shape[0]
    patches = cover(near, 128, coverage=coverage)
    inside = membership(patches, n)
    assert patches.shape[1] == 128
    assert inside.max() == 1
    assert inside.sum(axis=0).min() >= coverage
    shared = (inside @ inside.T).toarray()
    assert connected_components(shared >= 25)[0] == 1


@pytest.mark.parametrize("name", GRAPHS)
def test_most_of_a_patch_can_be_shared_with_an_earlier_one(name: str) -> None:
    near = GRAPHS[name]
    patches = cover(near, 128, coverage=10, overlap=90, walk_share=0.15)
    inside = membership(patches, near.shape[0])
    assert inside.sum(axis=0).min() >= 10
    shared = np.tril((inside @ inside.T).toarray(), -1).max(axis=1)
    assert (shared[1:] >= 90).all()
    assert len(patches) < 40 * near.shape[0] / 128 + 20


def test_walks_make_half_of_a_patch_local() -> None:
    cells = np.random.default_rng(0).uniform(size=(3000, 2))
    near = locality_graph(cells, k=15).graph
    walked, drawn = (
        np.mean([cells[p[:50]].std(axis=0) for p in cover(near, 100, walk_share=share)])
        for share in (0.5, 0.0)
    )
    assert walked < 0.5 * drawn


def test_few_cells_make_one_patch() -> None:
    np.testing.assert_array_equal(cover(graph(100), 100), [np.arange(100)])


def test_patches_grow_with_the_cells_only() -> None:
    counts = [len(cover(graph(n), 100)) for n in (1000, 4000)]
    assert counts[1] < 4.5 * counts[0]
    assert counts[0] < 4 * 4 * 1000 / 100


def test_the_same_seed_gives_the_same_patches() -> None:
    near = graph(500)
    np.testing.assert_array_equal(cover(near, 64, overlap=16), cover(near, 64, overlap=16))
    other = cover(near, 64, overlap=16, seed=1)
    assert not np.array_equal(cover(near, 64, overlap=16)[0], other[0])


def test_bad_requests_are_refused_and_the_user_can_stop() -> None:
    near = graph(200)
    for options in ({"coverage": 0}, {"walk_share": 0.9}, {"overlap": 33}):
        with pytest.raises(InputError, match="Expected"):
            cover(near, 64, **options)
    with pytest.raises(InputError, match="at least 8"):
        cover(near, 4)
    with pytest.raises(Stopped):
        cover(near, 100, reporter=Reporter(should_stop=lambda: True))
