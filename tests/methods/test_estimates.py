"""What each method says that a run will take, from sizes and its config alone."""

from __future__ import annotations

import pytest

from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.encoders.base import ProfileSizes
from napari_spatialrecon.methods.genes.base import GeneSizes
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import MixtureSizes
from napari_spatialrecon.methods.placement.base import PlacementSizes
from napari_spatialrecon.methods.registry import METHODS, find_method
from napari_spatialrecon.methods.super_resolution.base import SplitSizes

SIZES = {
    "place": PlacementSizes(slides=2, spots=1800, cells=5200, genes=700),
    "impute-genes": GeneSizes(spots=1800, cells=5200, shared=700, asked=150),
    "deconvolve": MixtureSizes(spots=1800, cells=5200, genes=700, types=9),
    "super-resolve": SplitSizes(spots=1800, parts=4, genes=700, measured=18000, filled=90000),
    "train-encoder": ProfileSizes(profiles=7000, genes=700),
}

#: Seconds and megabytes of the quick preset at those sizes.
EXPECTED = {
    ("gears", "place"): (41.13749, 457.748),
    ("dpvae", "place"): (54.91500, 457.748),
    ("come", "place"): (18.32970, 1617.16),
    ("ridge", "place"): (6.2958, 404.5),
    ("knn", "place"): (6.2958, 404.5),
    ("gears-encoder", "train-encoder"): (15.68, 517.6),
    ("spadit", "impute-genes"): (34.77, 178.56),
    ("come", "impute-genes"): (373.9296, 454.56),
    ("knn", "impute-genes"): (5.52, 178.56),
    ("come", "deconvolve"): (39.2034, 1172.16),
    ("nnls", "deconvolve"): (0.8274, 717.6),
    ("srast", "super-resolve"): (61.1424, 869.8),
    ("bicubic", "super-resolve"): (0.6024, 731.2),
}


def estimate(name: str, task: str, preset: str = "quick") -> Estimate:
    info = find_method(name, task)
    return info.method()(info.config().preset(preset)).estimate(SIZES[task])


@pytest.mark.parametrize("name, task", EXPECTED)
def test_an_estimate_is_that_of_measured_runs(name, task):
    seconds, megabytes = EXPECTED[name, task]
    found = estimate(name, task)
    assert found.seconds == pytest.approx(seconds, rel=1e-6)
    assert found.memory_bytes == pytest.approx(1e6 * megabytes, rel=1e-6)


#: Number of spots and of cells, and of genes: seconds of the processor and MB beyond the input that
#: were measured for knn (`docs/benchmarks.md`).
MEASURED = {
    (5000, 20_000): (9, 419),
    (10_000, 20_000): (17, 550),
    (20_000, 20_000): (32, 761),
    (50_000, 20_000): (92, 1301),
    (10_000, 500): (7, 580),
}


@pytest.mark.parametrize("rows, genes", MEASURED)
def test_the_estimate_of_placing_is_within_a_factor_of_two_of_measured_runs(rows, genes):
    sizes = PlacementSizes(slides=1, spots=rows, cells=rows, genes=genes)
    found = find_method("knn", "place").method()().estimate(sizes)
    seconds, megabytes = MEASURED[rows, genes]
    assert 0.5 < found.seconds / seconds < 2
    assert 0.5 < found.memory_bytes / 2**20 / megabytes < 2


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.name} {info.tasks[0]}")
def test_every_method_estimates_and_its_standard_preset_takes_no_less(info):
    task = info.tasks[0]
    quick, standard = (estimate(info.name, task, preset) for preset in ("quick", "standard"))
    assert 0 < quick.seconds <= standard.seconds
    assert 0 < quick.memory_bytes <= standard.memory_bytes


def test_an_estimate_says_what_a_mapping_that_is_held_sparse_leaves_out():
    method = find_method("come", "place").method()
    sparse = method(ComePlaceConfig(dense_limit=0, kept=30)).estimate(SIZES["place"])
    assert estimate("come", "place").notes == ()
    assert [("30 most likely" in note) for note in sparse.notes] == [True]


def test_parts_of_an_estimate_add_up_and_only_what_is_said_becomes_a_note():
    found = Estimate(1.0, 10.0, ("first",)).plus(2.0, 20.0).plus(memory_bytes=5.0, note="second")
    assert found == Estimate(3.0, 35.0, ("first", "second"))
