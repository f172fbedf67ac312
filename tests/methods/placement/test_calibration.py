"""What is stated of errors is what they are: on held-out spots, and on cells unlike them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_spatialrecon.methods.placement.calibration import LEAST, Calibration, Measured
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.domain import BELONGS, Domain
from napari_spatialrecon.methods.placement.flags import Flags
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.knn import Knn, other_quarters, yardsticks
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.rehearsal import (
    FURTHER,
    SHARES,
    Rehearsal,
    baseline_places,
)
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.preprocess import exchanged


def level(n: int, seed: int = 0, *, share: float = 0.0, alike: float = 0.9, factor: float = 1.0):
    """Spots whose errors follow their spread, in a plane."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.1, 1.0, n)
    off = rng.normal(size=(n, 2)) * spread[:, None] * factor
    return Measured(share, alike, spread, np.linalg.norm(off, axis=1))


def test_half_lie_within_the_expected_error_and_nine_in_ten_within_the_radius() -> None:
    calibration = Calibration.fit([level(400)])
    new = level(4000, 1)
    stated = calibration.stated(new.spread, 0.95)
    assert (new.errors <= stated.expected).mean() == pytest.approx(0.5, abs=0.05)
    assert (new.errors <= stated.radius).mean() == pytest.approx(0.9, abs=0.03)
    assert stated.held == pytest.approx(0.9, abs=0.02) and stated.spots == 400


def test_a_spread_that_tells_nothing_gives_all_cells_the_same() -> None:
    known = level(400)
    mixed = replace(known, errors=np.random.default_rng(2).permutation(known.errors))
    assert Calibration.fit([known]).power == 1.0
    assert Calibration.fit([mixed]).power == 0.0
    stated = Calibration.fit([mixed]).stated(known.spread, 0.95)
    assert np.ptp(stated.expected) == 0 and stated.expected[0] == np.median(mixed.errors)


def stated_of(level: Measured) -> float:
    """By what factor the median error of these spots is stated."""
    plain, found = (
        Calibration.fit([one]).half[0] for one in (replace(level, baseline=None), level)
    )
    return found / plain


def test_a_difference_from_the_baseline_that_chance_explains_is_not_stated() -> None:
    """Two methods that are equally good differ on 60 spots by chance alone."""
    off = []
    for seed in range(40):
        own, other = level(60, seed), level(60, 1000 + seed)
        judged = replace(own, baseline=other.errors)
        off.append(
            [np.log(np.median(own.errors) / np.median(other.errors)), np.log(stated_of(judged))]
        )
    ratio, shrunk = np.transpose(off)
    assert np.abs(ratio + shrunk).mean() < 0.5 * np.abs(ratio).mean()
    own = level(60)
    stated = Calibration.fit([replace(own, baseline=own.errors / 3)]).stated(own.spread, 0.95)
    plain = Calibration.fit([own]).stated(own.spread, 0.95)
    np.testing.assert_allclose(stated.expected, plain.expected, rtol=0.05)
    np.testing.assert_array_equal(stated.radius, plain.radius)


def test_how_much_worse_a_method_is_follows_a_line_along_the_levels() -> None:
    """A level at which a method is far worse than at those beside it is taken for noise."""
    spots = np.random.default_rng(5).lognormal(-2, 1, 60)
    levels = [
        Measured(0.1 * i, 0.9 - 0.1 * i, np.ones(60), spots * (2.0 if i == 3 else 1.0), spots)
        for i in range(6)
    ]
    stated = np.array(Calibration.fit(levels).half) / np.median(spots)
    assert stated.min() >= 1 and stated.max() < 1.3
    everywhere = [replace(level, errors=2 * spots) for level in levels]
    np.testing.assert_allclose(Calibration.fit(everywhere).half, 2 * np.median(spots))


def test_an_advantage_over_the_baseline_is_not_stated() -> None:
    own = level(60)
    judged = replace(own, baseline=2 * own.errors)
    assert stated_of(judged) == pytest.approx(2)


def test_cells_lie_further_off_than_spots_by_the_factor_that_is_given() -> None:
    own = level(60)
    one, two = (Calibration.fit([own], further=f).stated(own.spread, 0.95) for f in (1.0, 1.5))
    np.testing.assert_allclose(two.expected, 1.5 * one.expected)
    np.testing.assert_array_equal(two.radius, one.radius)


def test_how_hard_spots_are_is_told_by_all_quarters_of_them() -> None:
    """A quarter that happens to be easy is not taken for the tissue."""
    own = level(60)
    easy = replace(own, errors=own.errors / 2)
    judged = replace(easy, baseline=easy.errors, every=own.errors)
    stated, plain = (Calibration.fit([each]).stated(own.spread, 0.95) for each in (judged, own))
    np.testing.assert_allclose(stated.expected, plain.expected)


def test_cells_of_a_larger_spread_lie_further_off_in_proportion() -> None:
    """The spread of one spot is noisy, that of many is not."""
    known = level(400)
    noise = np.exp(np.random.default_rng(3).normal(0, 0.7, 400))
    calibration = Calibration.fit([replace(known, spread=known.spread * noise)])
    assert 0 < calibration.power < 1
    one, two = (calibration.stated(known.spread * by, 0.95) for by in (1.0, 2.0))
    np.testing.assert_allclose(two.expected, 2 * one.expected)
    np.testing.assert_allclose(two.radius, 2 * one.radius)


def test_what_is_fitted_in_no_time_is_calibrated_on_every_spot(methods, slides) -> None:
    for name in ("knn", "ridge"):
        found = methods[name].fitted.calibration
        assert found.spots == sum(slide.adata.n_obs for slide in slides)
    assert methods["dpvae"].fitted.calibration.spots < found.spots / 3


def test_each_quarter_is_placed_by_what_was_fitted_without_it(slides, cells) -> None:
    asked: list[int] = []
    held_out = hold_out(slides, 0)
    config = KnnConfig()
    seen, features = Reference.fit(held_out.seen, cells, config.preprocess, seed=0)
    known = yardsticks(held_out, seen, features, config)
    others = other_quarters(held_out, cells, config, Run(0))
    heard: list[None] = []
    reporter = Reporter(should_stop=lambda: bool(heard.append(None)))
    rehearsal = Rehearsal.of(known, config, others, reporter)
    assert len(heard) >= 4 * (len(slides) + 1) * len(SHARES)  # a stop is heard at each likeness

    def placing(number: int):
        def place(scene):
            asked.append(number)
            part = (rehearsal, *rehearsal.others)[number]
            assert any(scene is each for each in part.scenes)
            return baseline_places(scene)

        return place

    found = rehearsal.calibrated_on_all([placing(number) for number in range(4)])
    assert asked == [number for number in range(4) for _ in SHARES]
    baseline = rehearsal.calibrated_baseline()
    np.testing.assert_allclose(FURTHER * np.array(found.half), baseline.half)
    assert replace(found, half=baseline.half) == baseline


def test_the_radius_of_few_spots_is_wide_enough_to_hold_nine_in_ten() -> None:
    new, enough = level(4000, 999), []
    for seed in range(60):
        stated = Calibration.fit([level(60, seed)]).stated(new.spread, 0.95)
        enough.append((new.errors <= stated.radius).mean() >= 0.9)
    assert np.mean(enough) >= 0.7


def test_cells_less_alike_get_the_errors_of_spots_less_alike_and_the_strange_none() -> None:
    levels = [level(400), level(400, share=0.4, alike=0.7, factor=2.0)]
    calibration = Calibration.fit(levels)
    one = np.ones(1)
    near, between, far = (calibration.stated(one, a).expected[0] for a in (0.95, 0.8, 0.7))
    assert near < between < far == pytest.approx(2 * near, rel=0.2)
    assert calibration.stated(one, 0.69) is None and calibration.stated(one, float("nan")) is None
    assert calibration.stated(one, 0.8).share == pytest.approx(0.2)
    assert Calibration.from_dict(calibration.to_dict()) == calibration


def test_nothing_is_stated_of_cells_of_another_tissue_though_spots_were_as_unlike() -> None:
    calibration = Calibration.fit([level(400), level(400, share=0.7, alike=0.5)])
    points = np.random.default_rng(0).normal(size=(60, 2))
    posterior = Posterior(points, np.ones(60), np.ones(60), np.ones(60))
    stated = []
    for alike in (BELONGS + 0.01, BELONGS - 0.01):
        flags = Flags(posterior, Domain(alike, np.zeros(60, bool)), 0.0)
        stated.append(flags.stated(calibration, points, 1.0))
    assert stated[0] is not None and stated[1] is None


def test_too_few_spots_calibrate_nothing(slides, cells) -> None:
    assert Calibration.fit([level(LEAST - 1)]) is None
    few = replace(slides[0], adata=slides[0].adata[:28].copy(), kept=np.ones(28, bool))
    assert Knn().fit([few], cells).place(cells).stated is None


def test_exchanging_keeps_each_gene_and_takes_away_what_they_tell_together() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 5))
    none, half, all_ = exchanged(values, (0.0, 0.5, 1.0), seed=0)
    assert (none == values).all()
    for mixed in (half, all_):
        np.testing.assert_array_equal(np.sort(mixed, axis=0), np.sort(values, axis=0))
    assert 0.4 < (half != values).mean() < 0.6
    links = [np.corrcoef(each.T)[0, 1:].mean() for each in (none, half, all_)]
    assert links[0] > 0.9 > links[1] + 0.2 and abs(links[2]) < 0.2


def test_held_out_spots_become_less_alike_and_lie_further_off(methods) -> None:
    found = methods["knn"].fitted.calibration
    assert found.shares == SHARES
    assert np.all(np.diff(found.resemblance) <= 0) and found.resemblance[-1] < 0.8
    assert np.all(np.diff(found.half) >= 0) and found.half[-1] > 1.5 * found.half[0]


@pytest.mark.parametrize("name", ["knn", "ridge", "dpvae", "gears"])
def test_stated_errors_are_the_true_ones_of_cells_that_are_no_spots(
    methods, cells, truth, name
) -> None:
    """The cells of the simulation differ from its spots in depth, batch and mixture."""
    placed = methods[name].place(cells)
    errors = np.linalg.norm(placed.coordinates - truth, axis=1)
    stated = placed.stated
    assert 0.7 < np.median(stated.expected) / np.median(errors) < 1.4
    assert 0.8 < (errors <= stated.radius).mean() < 0.995
    assert (stated.expected < stated.radius).all()
    assert 0.85 < stated.held < 0.95


def test_a_place_is_not_told_by_the_place_of_a_held_out_spot(slides, cells) -> None:
    """Nothing of the rehearsal but its errors depends on where the held-out spots lie."""
    held_out = hold_out(slides, 0)
    moved = []
    for slide, mask in zip(slides, held_out.masks, strict=True):
        adata = slide.adata.copy()
        adata.obsm["spatial"] = np.where(mask[:, None], 1e3, adata.obsm["spatial"])
        moved.append(replace(slide, adata=adata))
    scenes = [rehearsal_of(each, cells).scenes for each in (slides, moved)]
    for one, other in zip(*scenes, strict=True):
        for a, b in zip(baseline_places(one), baseline_places(other), strict=True):
            assert a.tobytes() == b.tobytes()


def rehearsal_of(slides, cells) -> Rehearsal:
    config, held_out = KnnConfig(), hold_out(slides, 0)
    seen, features = Reference.fit(held_out.seen, cells, config.preprocess, seed=0)
    return Rehearsal.of(yardsticks(held_out, seen, features, config))
