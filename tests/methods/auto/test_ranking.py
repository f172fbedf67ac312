"""Which of several candidates is kept, by their errors on the same held-out items."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.methods.auto.candidates import candidates_of
from napari_spatialrecon.methods.auto.ranking import Ranking, Words

BASELINE, OTHER, THIRD = candidates_of("impute-genes", "quick")[:3]
NOISE = np.random.default_rng(0).standard_normal((3, 60))


def ranked(*errors, joined=None):
    ranking = Ranking(words=Words("Mean correlation", lambda error: 1 - error))
    for candidate, values in zip((BASELINE, OTHER, THIRD), errors, strict=False):
        ranking.add(candidate, values, np.asarray(values), 1.0)
    if joined is not None:
        ranking.average(
            ranking.pairs(),
            lambda parts: joined if parts[-1][1].mean() < 0.8 else np.ones_like(joined),
            np.asarray,
        )
    return ranking


def test_the_best_is_kept_and_the_ranking_is_told():
    ranking = ranked(0.5 + 0.01 * NOISE[0], 0.3 + 0.01 * NOISE[1], 0.4 + 0.01 * NOISE[2])
    assert ranking.kept == (OTHER,)
    assert ranking.notes() == (
        f"Mean correlation: {OTHER.title} {ranking_value(ranking, 1)}, {THIRD.title} "
        f"{ranking_value(ranking, 2)}, {BASELINE.title} {ranking_value(ranking, 0)}. "
        f"{OTHER.title} was kept.",
    )
    settings = ranking.settings()
    assert settings["kept"] == OTHER.name
    assert settings["tried"][OTHER.name]["gain"] == pytest.approx(0.2, abs=0.01)


def ranking_value(ranking, number):
    return f"{1 - ranking.tried[number].errors['error']:.3f}"


def test_the_baseline_is_kept_where_the_best_is_not_clearly_better():
    even = 0.5 + 0.05 * NOISE[0]
    ranking = ranked(even, even - 0.005 + 0.05 * NOISE[1])
    assert ranking.kept == (BASELINE,)
    assert ranking.choice().endswith("the baseline, was kept: the best is not clearly better.")
    assert ranked(even, even - 0.005 + 0.001 * NOISE[1]).kept == (OTHER,)


def test_more_than_a_hundredth_is_no_tie_however_noisy():
    even = 0.5 + 0.2 * NOISE[0]
    assert ranked(even, even - 0.03 + 0.3 * (NOISE[1] - NOISE[1].mean())).kept == (OTHER,)


def test_the_mean_of_two_is_kept_where_it_is_clearly_better_than_each():
    one, two = 0.5 + 0.01 * NOISE[0], 0.5 + 0.01 * NOISE[1]
    ranking = ranked(one, two, 0.9 + 0 * one, joined=np.minimum(one, two) - 0.05)
    assert set(ranking.kept) == {BASELINE, OTHER}
    assert "The mean of" in ranking.choice()
    assert set(ranking.settings()["kept"]) == {BASELINE.name, OTHER.name}
    same = ranked(one, two, joined=np.minimum(one.mean(), two.mean()) + 0.01 * NOISE[2])
    assert len(same.kept) == 1


def test_without_anything_to_compare_the_baseline_is_kept_and_why_is_told():
    class Costs:
        def __init__(self, candidate):
            self.candidate = candidate

    ranking = Ranking()
    ranking.leave_out([Costs(BASELINE), Costs(OTHER)], "too few genes")
    assert ranking.kept == (BASELINE,) and ranking.settings()["tried"] == {}
    assert ranking.notes() == (
        f"{BASELINE.title} was kept: no other method was tried.",
        f"{OTHER.title} was skipped: too few genes.",
    )


def test_a_weighted_mean_of_several_is_kept_where_it_is_better_and_said_with_its_weights():
    truth = np.linspace(0, 1, 60)
    low, high = truth - 0.3, truth + 0.1
    ranking = Ranking(words=Words("Mean distance"), margin=0.0)
    for candidate, made in ((BASELINE, low), (OTHER, high), (THIRD, truth + 2)):
        ranking.add(candidate, made, np.abs(made - truth), 1.0)
    weightings = ranking.quarters()
    assert len(weightings) == 12 and all(max(w) < 1 == sum(w) for w in weightings)
    ranking.average(
        weightings,
        lambda parts: sum(weight * made for weight, made in parts),
        lambda made: np.abs(made - truth),
    )
    assert ranking.weights == (0.25, 0.75, 0.0)
    assert ranking.kept == (BASELINE, OTHER)
    assert ranking.settings()["mean"]["weights"] == {BASELINE.name: 0.25, OTHER.name: 0.75}
    assert ranking.choice().endswith(
        f"The mean of {BASELINE.title} (25%) and {OTHER.title} (75%) was kept: with 0.000 it is "
        "better than each."
    )


def test_the_margin_says_how_clearly_better_a_mean_has_to_be():
    one, two = 0.5 + 0.01 * NOISE[0], 0.6 + 0.01 * NOISE[1]
    slightly = one - 0.001 + 0.05 * (NOISE[2] - NOISE[2].mean())

    def ranking(**options):
        found = Ranking(words=Words("Mean distance"), **options)
        for candidate, errors in ((BASELINE, one), (OTHER, two)):
            found.add(candidate, errors, errors, 1.0)
        found.average([(0.5, 0.5)], lambda parts: slightly, np.asarray)
        return found

    assert ranking(margin=0.0).kept == (BASELINE, OTHER)
    assert ranking().kept == (BASELINE,)
