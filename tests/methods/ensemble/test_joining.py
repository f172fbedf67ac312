"""Layouts and places by similarity, joined by their distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist, pdist

from napari_spatialrecon.geometry.procrustes import procrustes_error
from napari_spatialrecon.geometry.stress import stress_layout
from napari_spatialrecon.methods.ensemble import joining
from napari_spatialrecon.methods.ensemble.joining import _SHARES, Joined, _distributed, join
from napari_spatialrecon.methods.placement.posterior import Posterior

GENERATOR = np.random.default_rng(0)
SPOTS = GENERATOR.uniform(-1, 1, size=(60, 2))
CELLS = GENERATOR.uniform(-1, 1, size=(200, 2))


def posterior(share: float = 0.0) -> Posterior:
    """Each cell at its nearest spot, and with `share` at a random other one."""
    weights = np.zeros((len(CELLS), len(SPOTS)))
    weights[np.arange(len(CELLS)), cdist(CELLS, SPOTS).argmin(axis=1)] += 1 - share
    weights[np.arange(len(CELLS)), GENERATOR.integers(len(SPOTS), size=len(CELLS))] += share
    places = weights @ SPOTS
    variance = weights @ (SPOTS**2).sum(axis=1) - (places**2).sum(axis=1)
    return Posterior(places, variance, np.ones(len(CELLS)), csr_matrix(weights))


def joined_of(
    layouts: list[np.ndarray], baseline_share: float = 0.0, spread_share: float = 0.5
) -> Joined:
    return join(
        layouts, posterior(), SPOTS, baseline_share=baseline_share, spread_share=spread_share
    )


def test_expected_distances_are_those_over_both_posteriors() -> None:
    own, to = posterior(0.3), np.array([3, 150, 7])
    weights = own.weights.toarray()
    wanted = np.einsum("is,st,jt->ij", weights, cdist(SPOTS, SPOTS), weights[to])
    found = own.weights @ own.distances_of_spots(SPOTS, to)
    np.testing.assert_allclose(found, wanted)
    assert own.mass.sum() == pytest.approx(len(CELLS))


def test_blocks_of_cells_do_not_change_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = [CELLS + 0.1 * GENERATOR.standard_normal(CELLS.shape) for _ in range(2)]
    whole = joined_of(layouts, 0.4)
    monkeypatch.setattr(joining, "_ROWS", 7)
    parts = joined_of(layouts, 0.4)
    np.testing.assert_array_equal(whole.places, parts.places)
    np.testing.assert_array_equal(whole.variance, parts.variance)


def test_distances_between_likely_spots_are_those_that_draws_have() -> None:
    own, shares = posterior(0.3), np.array([0.05, 0.5, 0.95])
    found = own.distance_quantiles(SPOTS, shares)
    drawn = GENERATOR.choice(len(SPOTS), size=(2, 100_000), p=own.mass / own.mass.sum())
    apart = np.linalg.norm(SPOTS[drawn[0]] - SPOTS[drawn[1]], axis=1)[drawn[0] != drawn[1]]
    np.testing.assert_allclose(found, np.quantile(apart, shares), atol=0.02)


def test_cells_at_one_part_of_the_slide_are_as_far_apart_as_its_spots() -> None:
    """What the query lacks of the tissue does not count, or the rest would be blown up to it."""
    left = SPOTS[:, 0] < 0
    weights = csr_matrix(np.eye(len(SPOTS))[left])
    half = Posterior(SPOTS[left], np.zeros(left.sum()), np.ones(left.sum()), weights)
    found = half.distance_quantiles(SPOTS, np.array([0.5]))
    assert found == pytest.approx(np.median(pdist(SPOTS[left])), abs=1e-3)
    assert found < 0.8 * np.median(pdist(SPOTS))


def test_cells_at_one_spot_have_no_distances_to_draw() -> None:
    weights = csr_matrix(np.eye(len(SPOTS))[[3, 3, 3]])
    own = Posterior(SPOTS[[3, 3, 3]], np.zeros(3), np.ones(3), weights)
    assert own.distance_quantiles(SPOTS, _SHARES) is None
    joined = join([CELLS[:3]], own, SPOTS, baseline_share=0.25, spread_share=0.5)
    assert np.isfinite(joined.places).all()


def test_mean_distances_are_moved_towards_a_distribution_and_keep_their_order() -> None:
    anchors = np.arange(5, 45)
    apart = cdist(CELLS, CELLS[anchors])
    narrow = np.where(apart > 0, 1 + 0.1 * apart, 0.0)
    others = apart > 0
    quantiles = np.quantile(apart[others], _SHARES)
    moved = _distributed(narrow.copy(), quantiles, anchors, 0.5)
    np.testing.assert_allclose(moved[others], (narrow + apart)[others] / 2, atol=2e-2)
    order = np.argsort(narrow[others])
    assert (np.diff(moved[others][order]) >= 0).all()
    assert (moved[~others] == 0).all()
    np.testing.assert_array_equal(moved[anchors], moved[anchors].T)
    np.testing.assert_array_equal(_distributed(narrow.copy(), None, anchors, 0.5), narrow)
    alike = np.where(others, 1.0, 0.0)
    np.testing.assert_array_equal(_distributed(alike.copy(), quantiles, anchors, 0.5), alike)


@pytest.mark.parametrize(("spread", "error", "stress"), [(0.0, 1e-6, 1e-6), (0.5, 1e-3, 0.02)])
def test_layouts_of_any_pose_and_dimension_that_agree_are_kept(
    spread: float, error: float, stress: float
) -> None:
    """Exactly by their distances; spread as those of 60 spots, nearly."""
    turned = np.column_stack([CELLS[:, 1], np.zeros(200), -CELLS[:, 0]])
    joined = joined_of([CELLS + 5, turned], spread_share=spread)
    assert procrustes_error(CELLS, joined.places) < error
    assert joined.stress < stress and joined.disagreement < 1e-6
    assert np.linalg.norm(joined.places - CELLS, axis=1).mean() < 0.2


def test_disagreement_does_not_shrink_the_layout() -> None:
    """Half of the cells lie left or right of the middle, as likely: their mean is the middle."""
    mirrored = CELLS * np.where(np.arange(200) < 100, -1, 1)[:, None]
    joined = joined_of([CELLS, mirrored])
    mean = (CELLS + mirrored) / 2
    spread = np.linalg.norm(joined.places - joined.places.mean(axis=0), axis=1).mean()
    kept = np.linalg.norm(CELLS, axis=1).mean()
    assert spread > 0.75 * kept > np.linalg.norm(mean, axis=1).mean()
    wanted = (cdist(CELLS, CELLS) + cdist(mirrored, mirrored)) / 2
    found = cdist(joined.places, joined.places)
    assert ((found - wanted) ** 2).sum() < ((cdist(mean, mean) - wanted) ** 2).sum() / 2


def test_the_variance_is_about_the_error_where_layouts_disagree() -> None:
    mirrored = CELLS * np.where(np.arange(200) < 40, -1, 1)[:, None]
    joined = joined_of([CELLS, mirrored])
    errors = [((layout - joined.places) ** 2).sum(axis=1) for layout in (CELLS, mirrored)]
    unsure = np.arange(200) < 40
    meant = np.mean(errors, axis=0)[unsure].mean()
    assert 0.6 * meant < joined.variance[unsure].mean() < 1.1 * meant
    assert joined.variance[~unsure].mean() < 0.2 * joined.variance[unsure].mean()


def test_the_variance_counts_distances_that_layouts_disagree_on() -> None:
    """One layout holds 40 cells above the plane: no place in the plane disagrees, distances do."""
    raised = np.where(np.arange(200) < 40, 0.8, 0.0)
    layouts = [np.column_stack([CELLS, height]) for height in (np.zeros(200), raised)]
    variance = joined_of(layouts).variance
    found = [cdist(layout, layout) for layout in layouts]
    apart = np.var(found, axis=0).mean(axis=1)
    mean = np.mean(found, axis=0)
    laid = stress_layout(mean, np.arange(200), CELLS).places
    lost = np.square(cdist(laid, laid) - mean).mean(axis=1)
    assert variance[:40].mean() == pytest.approx(2 * (apart + lost)[:40].mean(), rel=0.1)
    assert apart[:40].mean() > lost[:40].mean()


def test_the_variance_counts_distances_between_all_likely_spots() -> None:
    own, baseline_share = posterior(0.4), 0.25
    joined = join([CELLS], own, SPOTS, baseline_share=baseline_share, spread_share=0.5)
    weights, kept = own.weights.toarray(), cdist(joined.places, joined.places)
    near = [
        np.einsum("s,jt,stj->", w, weights, (cdist(SPOTS, SPOTS)[..., None] - d) ** 2) / len(CELLS)
        for w, d in zip(weights[:5], kept, strict=False)
    ]
    layout = ((cdist(CELLS, CELLS) - kept) ** 2).mean(axis=1)[:5]
    off = (1 - baseline_share) * layout + baseline_share * np.array(near)
    np.testing.assert_allclose(joined.variance[:5], own.variance[:5] + 2 * off, rtol=2e-2)


def test_the_variance_counts_what_the_plane_loses() -> None:
    own = posterior()
    flat, high = (
        join([np.column_stack([CELLS, height])], own, SPOTS, baseline_share=0.0, spread_share=0.0)
        for height in (np.zeros(200), 0.8 * np.cos(8 * CELLS[:, 0]))
    )
    np.testing.assert_allclose(flat.variance, own.variance, atol=1e-6)
    assert (high.variance > own.variance + 1e-3).all()


def test_places_by_similarity_pull_with_their_share() -> None:
    wrong = CELLS[::-1].copy()
    near = [procrustes_error(CELLS, joined_of([wrong], share).places) for share in (0.0, 0.5, 0.9)]
    assert near[0] > near[1] > near[2]
