"""How far from their true places held-out spots lie, in µm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.knn import yardsticks
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.ridge import Ridge
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks, _stresses
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig


@pytest.fixture(scope="module")
def known(slides) -> Yardsticks:
    held_out = hold_out(slides, 0)
    seen, _ = Reference.fit(held_out.seen, None, PreprocessConfig(), seed=0)
    return yardsticks(held_out, seen, None, KnnConfig())


def true_places(known: Yardsticks) -> list[np.ndarray]:
    """The held-out spots' places in the frame."""
    frame = known.seen.frame
    return [frame.normalise(p, i) for i, p in enumerate(known.held_out.places())]


def test_errors_are_median_distances_in_um(known) -> None:
    aside = [p + np.array((3.0 / known.seen.frame.radius, 0.0)) for p in true_places(known)]
    found = known.beside(aside, known.seen.frame)
    assert found["method_um"] == pytest.approx(3.0)
    off = [
        np.linalg.norm(places - places_seen.mean(axis=0), axis=1) * 0.5
        for places, places_seen in zip(
            known.held_out.places(),
            (s.adata.obsm["spatial"] for s in known.held_out.seen),
            strict=True,
        )
    ]
    assert found["center_um"] == pytest.approx(np.median(np.concatenate(off)))
    assert known.errors()["baseline_um"] == found["baseline_um"] < found["center_um"]
    assert found["gain"] == pytest.approx(known.stress, abs=1e-6)


def test_a_gain_is_of_distances_whatever_the_pose_and_not_of_nearness(known) -> None:
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    turned = known.beside([p @ turn + 5 for p in true_places(known)], known.seen.frame)
    assert turned["gain"] == pytest.approx(known.stress, abs=1e-6)
    own = known.compared([p.places for p in known.posteriors])
    shrunk = known.beside([p / 3 for p in own], known.seen.frame)
    assert shrunk["gain"] == pytest.approx(0, abs=1e-9)


def test_the_noise_of_a_gain_is_its_spread_over_slides_drawn_anew(known) -> None:
    rng = np.random.default_rng(1)
    true, own = true_places(known), known.compared([p.places for p in known.posteriors])
    moved = [p + rng.normal(0, 0.3, p.shape) for p in true]
    said = known.beside(moved, known.seen.frame)["gain_noise"]
    n = [len(p) for p in true]
    gains = []
    for _ in range(60):
        rows = [np.unique(rng.integers(k, size=k)) for k in n]
        pick = [[p[r] for p, r in zip(ps, rows, strict=True)] for ps in (true, own, moved)]
        gains.append(_stresses(pick[0], pick[1])[0] - _stresses(pick[0], pick[2])[0])
    assert 0.4 < said / np.std(gains) < 2.5


def test_a_gain_is_noise_where_it_hangs_on_few_spots(known) -> None:
    own = known.compared([p.places for p in known.posteriors])
    same = known.beside(own, known.seen.frame)
    assert same["gain"] == same["gain_noise"] == 0
    rng = np.random.default_rng(0)
    moved = known.beside([p + rng.normal(0, 0.01, p.shape) for p in own], known.seen.frame)
    assert abs(moved["gain"]) < 3 * moved["gain_noise"]


def test_um_are_absent_where_the_size_of_the_slides_is_unknown(slides) -> None:
    unknown = []
    for slide in slides:
        adata = slide.adata.copy()
        adata.uns.clear()
        adata.obs = adata.obs[[]]
        unknown.append(replace(slide, adata=adata))
    held_out = Ridge().fit(unknown).held_out
    assert {"method", "baseline", "gain", "gain_noise"} == set(held_out)


def test_many_held_out_spots_are_compared_by_an_even_choice(known, monkeypatch) -> None:
    monkeypatch.setattr("napari_spatialrecon.methods.placement.held_out.MOST_SPOTS", 10)
    few = replace(known, held_out=hold_out(known.held_out.whole, 0))
    rows = few.held_out.compared
    assert [len(r) for r in rows] == [10, 10] and all((np.diff(r) > 0).all() for r in rows)
    assert rows[0][-1] > 0.8 * known.held_out.masks[0].sum()
    assert few.beside(few.compared(true_places(few)), few.seen.frame)["method_um"] < 1e-6
