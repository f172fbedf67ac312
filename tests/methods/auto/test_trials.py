"""Which methods are tried in a given time, and which is kept."""

from __future__ import annotations

from napari_spatialrecon.methods.auto.trials import Trial, Trials, affordable
from napari_spatialrecon.methods.registry import find_method

KNN, RIDGE, GEARS = (find_method(name, "place") for name in ("knn", "ridge", "gears"))


def trial(info, um, gain=None, noise=0.01):
    if gain is None:
        return Trial(info, {"baseline": 0.4, "baseline_um": um, "center_um": 1000.0}, 1.0)
    errors = {"method": 0.3, "method_um": um, "gain": gain, "gain_noise": noise}
    return Trial(info, errors, 2.0)


def test_the_cheapest_are_tried_within_the_time_and_the_baseline_always():
    costs = [(KNN, 3.0), (GEARS, 50.0), (RIDGE, 2.0)]
    chosen, skipped = affordable(costs, 30.0)
    assert chosen == [KNN, RIDGE]
    assert skipped == {"GEARS": "with it the estimates sum to 0.9 min, above the 0.5 min allowed"}
    assert affordable(costs, 60.0)[0] == [KNN, RIDGE, GEARS]
    assert affordable(costs, 0.0)[0] == [KNN]


def test_what_beats_the_baseline_by_more_than_noise_is_kept():
    trials = Trials([trial(KNN, 423.0), trial(RIDGE, 400.0, 0.023), trial(GEARS, 380.0, 0.043)])
    assert trials.best.info is GEARS
    (note,) = trials.notes()
    assert note == (
        "Median error on held-out spots: kNN 423 µm, Ridge regression 400 µm, GEARS 380 µm. GEARS "
        "was kept: its distances between these spots have a relative error that is 0.043 ± 0.010 "
        "below that of kNN."
    )
    assert trials.settings()["kept"] == "gears" and trials.seconds()["auto_seconds_knn"] == 1.0


def test_ties_go_to_the_baseline():
    trials = Trials([trial(KNN, 423.0), trial(GEARS, 414.0, 0.009, 0.008)], {"COME": "no time"})
    assert trials.best.info is KNN
    note, other = trials.notes()
    assert note.endswith(
        "kNN, the baseline, was kept: no other method beats it by more than noise."
    )
    assert other == "COME was not tried: no time."
