"""What is said of how far to trust a result."""

from __future__ import annotations

from napari_spatialrecon.tasks.verdicts import (
    Verdict,
    held_out_errors,
    placement_verdict,
    split_verdict,
)

EARLIER = {"method": 0.3, "baseline": 0.4}
IN_UM = {"method_um": 414.0, "baseline_um": 512.0, "center_um": 1072.0}


def test_a_placement_is_judged_in_um_beside_the_baseline_and_the_center() -> None:
    clear = placement_verdict({**EARLIER, **IN_UM, "gain": 0.09, "gain_noise": 0.01})
    assert clear.text == (
        "Median error on held-out spots 414 µm (kNN 512 µm, all at the tissue center 1,072 µm); "
        "distances between them are better than those of kNN."
    )
    assert not clear.doubtful
    baseline = placement_verdict({"baseline": 0.4, "baseline_um": 512.0, "center_um": 1072.0})
    assert baseline.text.startswith("Median error on held-out spots, kNN: 512 µm (all at the")
    assert not baseline.doubtful


def test_a_gain_within_noise_is_no_gain() -> None:
    close = placement_verdict({**EARLIER, **IN_UM, "gain": 0.01, "gain_noise": 0.01})
    assert "not clearly different from those of kNN" in close.text and close.doubtful
    worse = placement_verdict({**EARLIER, **IN_UM, "gain": -0.09, "gain_noise": 0.01})
    assert "worse than those of kNN" in worse.text and worse.doubtful


def test_what_does_no_better_than_the_center_is_said_to_be_unreliable() -> None:
    lost = {"method_um": 1000.0, "baseline_um": 1070.0, "center_um": 1072.0}
    found = placement_verdict({**EARLIER, **lost, "gain": 0.06, "gain_noise": 0.01})
    assert found.doubtful and found.text.endswith("do not rely on positions.")
    alone = placement_verdict({"baseline": 0.9, "baseline_um": 1070.0, "center_um": 1072.0})
    assert alone.doubtful


def test_records_of_before_and_slides_of_unknown_size_get_the_relative_error() -> None:
    for errors in (EARLIER, {**EARLIER, "gain": 0.1, "gain_noise": 0.01}):
        found = placement_verdict(errors)
        assert "spots 0.30, better than kNN (0.40) (0 perfect, 1 useless)." in found.text
        assert not found.doubtful
    assert placement_verdict({}).doubtful


def test_the_errors_of_a_record_are_those_that_are_known() -> None:
    metrics = {"held_out_method": 0.3, "held_out_method_um": None, "layout_stress": 0.1}
    assert held_out_errors({"metrics": metrics}) == {"method": 0.3}
    assert held_out_errors({}) == {}


def test_a_split_that_gains_nothing_is_no_success() -> None:
    lost = split_verdict({"fd": 1e-9, "coarse_error_generalist": 1.003})
    assert lost.doubtful and lost.text.startswith("No gain over an even split: on held-out blocks")
    metrics = {"fd": 1e-9, "coarse_error_generalist": 1.003, "coarse_error_adapted": 0.91}
    gained = split_verdict(metrics)
    assert not gained.doubtful and gained.text.startswith("Better than an even split: ")
    assert split_verdict({**metrics, "fd": 0.2}).doubtful
    assert not split_verdict({"fd": 0.0}).measured


def test_what_speaks_against_a_result_makes_its_verdict_doubtful():
    found = Verdict("Fine.").beside(["C2: no pattern."])
    assert found.doubtful and found.text == "Fine. C2: no pattern."
    assert Verdict("Fine.").beside([]) == Verdict("Fine.")
