from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.geometry.patchwork.locality import locality_graph
from napari_spatialrecon.progress import Reporter

CELLS = np.random.default_rng(0).normal(size=(120, 12))


def test_edges_are_those_of_the_definition() -> None:
    k, least = 10, 0.2
    found = locality_graph(CELLS, k=k, jaccard=least)
    near = [set(row) for row in nearest(CELLS, k)[0].tolist()]
    edges = found.graph.toarray()
    alone = found.isolated
    for i in range(120):
        for j in range(120):
            score = len(near[i] & near[j]) / len(near[i] | near[j])
            wanted = j in near[i] and i in near[j] and score > least
            if not (alone[i] or alone[j]):
                assert (edges[i, j] > 0) == wanted
                assert not wanted or edges[i, j] == pytest.approx(score)
    np.testing.assert_array_equal(edges, edges.T)


def test_cells_left_alone_are_flagged_and_joined_to_their_nearest() -> None:
    cells = np.concatenate([CELLS, CELLS[:1] + 50, CELLS[:1] - 50])
    found = locality_graph(cells, k=10)
    assert found.isolated[-2:].all()
    assert (np.diff(found.graph.indptr) > 0).all()
    np.testing.assert_array_equal(
        np.sort(found.graph[120].indices), np.sort(nearest(cells, 5)[0][120])
    )


def test_pieces_are_numbered_by_size() -> None:
    cells = np.concatenate([CELLS[:30], CELLS[:60] + 100, CELLS[:20] - 100])
    found = locality_graph(cells, k=15, jaccard=0.0)
    assert found.pieces[:30].tolist() == [1] * 30
    assert not found.pieces[30:90].any()
    assert found.pieces[90:].tolist() == [2] * 20


def test_permuting_the_cells_permutes_the_graph() -> None:
    order = np.random.default_rng(1).permutation(len(CELLS))
    straight, mixed = locality_graph(CELLS, k=12), locality_graph(CELLS[order], k=12)
    np.testing.assert_allclose(
        mixed.graph.toarray(), straight.graph.toarray()[np.ix_(order, order)]
    )
    np.testing.assert_array_equal(mixed.isolated, straight.isolated[order])


def test_cells_all_alike_still_have_neighbours() -> None:
    found = locality_graph(np.zeros((40, 15)), k=10)
    assert (np.diff(found.graph.indptr) > 0).all()


def test_few_cells_are_enough() -> None:
    assert locality_graph(CELLS[:2]).graph.nnz == 2
    assert not locality_graph(CELLS[:5]).pieces.any()


def test_bad_requests_are_refused_and_the_user_can_stop() -> None:
    with pytest.raises(InputError, match="at least 2 cells"):
        locality_graph(CELLS[:1])
    with pytest.raises(InputError, match="below 1"):
        locality_graph(CELLS, jaccard=1.0)
    with pytest.raises(Stopped):
        locality_graph(CELLS, reporter=Reporter(should_stop=lambda: True))
