from __future__ import annotations

import json

import numpy as np
import pytest

from napari_spatialrecon.viewer.results.facts import UNKNOWN, facts
from napari_spatialrecon.viewer.workspace.results import Result

from .conftest import METRICS, table


def result(task: str = "place", **record: object) -> Result:
    return Result("C5 · GEARS", task, table(np.zeros((5, 2))), record)


def texts(said) -> list[str]:
    return [number.text for number in said.numbers]


def test_a_placement_is_said_in_micrometres_beside_its_yardsticks() -> None:
    said = facts(result(task="place", method="gears", metrics=METRICS, seed=3, wall_seconds=100.0))
    assert texts(said) == ["414 µm", "kNN 423 µm", "center 1,072 µm"]
    assert (said.verdict.text, said.tone) == ("better than kNN", "good")
    assert said.bar == pytest.approx((414 / 1072, 423 / 1072, 1.0))
    assert (said.method, said.time.text, said.seed.text) == ("GEARS", "2 min", "seed 3")
    assert said.saved.text == "unsaved" and said.value == 414
    assert all(number.tip for number in (*said.numbers, said.verdict, said.time, said.seed))
    assert "hidden from training" in said.numbers[0].tip


def test_one_that_lost_says_so_and_the_baseline_is_named_as_such() -> None:
    worse = facts(result(method="dpvae", metrics=METRICS | {"held_out_method": 0.5}))
    assert (worse.verdict.text, worse.tone) == ("worse than kNN", "warning")
    noisy = METRICS | {"held_out_gain": 0.02, "held_out_gain_noise": 0.04}
    unsure = facts(result(method="dpvae", metrics=noisy))
    assert (unsure.verdict.text, unsure.tone) == ("no clear gain over kNN", "warning")
    assert "1,072 µm" in unsure.verdict.tip
    baseline = {k: v for k, v in METRICS.items() if "method" not in k}
    own = facts(result(method="knn", metrics=baseline))
    assert texts(own)[0] == "423 µm" and own.verdict.text == "the baseline"


def test_an_older_record_gives_the_relative_error_and_none_gives_a_dash() -> None:
    old = {"held_out_method": 0.36, "held_out_baseline": 0.4}
    said = facts(result(method="gears", metrics=old))
    assert texts(said) == ["error 0.36", "kNN 0.40"] and "0 is perfect" in said.numbers[0].tip
    bare = facts(result())
    assert texts(bare) == [UNKNOWN] and bare.bar == () and np.isnan(bare.value)
    assert (bare.verdict.text, bare.time.text, bare.seed.text) == (
        "accuracy unknown",
        UNKNOWN,
        UNKNOWN,
    )
    assert texts(facts(result(metrics={"held_out_method_um": None}))) == [UNKNOWN]
    assert facts(result(task="unheard of", method="x", metrics=None)).method == "x"


def test_a_reopened_table_speaks_by_its_provenance() -> None:
    reopened = result()
    held = {"method": "gears", "seed": 7}
    reopened.adata.uns["spatialrecon"]["provenance"] = json.dumps(held)
    said = facts(reopened)
    assert (said.method, said.seed.text) == ("GEARS", "seed 7")
    reopened.adata.uns["spatialrecon"]["provenance"] = "no json"
    assert facts(reopened).method == UNKNOWN


@pytest.mark.parametrize(
    ("task", "metrics", "shown", "verdict"),
    [
        (
            "impute-genes",
            {"held_out_pcc": 0.41, "held_out_baseline_pcc": 0.38},
            ["correlation 0.41", "baseline 0.38"],
            "better than the baseline",
        ),
        (
            "impute-genes",
            {"held_out_pcc": 0.31, "held_out_baseline_pcc": 0.38},
            ["correlation 0.31", "baseline 0.38"],
            "not better than the baseline",
        ),
        (
            "super-resolve",
            {"coarse_error_adapted": 1.003, "fd": 0.0},
            ["1.00 × even split"],
            "no gain over even",
        ),
        (
            "super-resolve",
            {"coarse_error_adapted": 0.91, "coarse_error_generalist": 0.95},
            ["0.91 × even split"],
            "better than an even split",
        ),
        (
            "deconvolve",
            {"marker_agreement": 0.62},
            ["markers 0.62"],
            "not compared",
        ),
        ("deconvolve", {"depth": 1.0}, [UNKNOWN], "accuracy unknown"),
    ],
)
def test_other_tasks_have_their_own_measure(
    task: str, metrics: dict[str, float], shown: list[str], verdict: str
) -> None:
    said = facts(result(task, method="spadit", metrics=metrics))
    assert texts(said) == shown and said.verdict.text == verdict


def test_warnings_of_a_record_are_counted_and_read_by_hovering() -> None:
    said = facts(result("deconvolve", metrics={}, warnings=["Macrophage: 20%.", "One type."]))
    assert (said.verdict.text, said.tone) == ("2 warnings", "warning")
    assert said.verdict.tip == "Macrophage: 20%. One type."
