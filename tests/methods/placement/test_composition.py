"""Cells that lack part of the reference's tissue."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.placement.composition import (
    FEWEST_CELLS,
    UNEVEN,
    composition_notes,
    imbalance,
    matched_reference,
)
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate

SEPARATE = KnnConfig().with_values({"preprocess.zscore": "separate"})


@pytest.fixture(scope="module")
def wide():
    config = SimulatorConfig.preset("tiny").with_values(
        {"n_cells": 900, "size": 2600.0, "n_sections": 1}
    )
    return simulate("cortex", config, seed=0)


@pytest.fixture(scope="module")
def slides(wide):
    return [prepare_slide(wide.slides[0], "one")]


@pytest.fixture(scope="module")
def left(wide):
    """Which cells lie in the left half."""
    across = wide.truth["x_um"].to_numpy()
    return across < np.median(across)


def query(wide, chosen):
    return prepare_query(wide.cells[chosen].copy(), "cells")


def test_half_of_the_tissue_missing_from_the_cells_is_said(wide, slides, left):
    said = {}
    for name, chosen in (("whole", left | True), ("half", left)):
        cells = query(wide, chosen)
        placed = Knn().fit(slides, cells).place(cells)
        said[name] = [n for n in placed.notes if "may be missing" in n]
    assert said["whole"] == []
    assert len(said["half"]) == 1


def test_cells_of_half_of_the_tissue_are_placed_better_when_standardised_to_match(
    wide, slides, left
):
    cells, truth = query(wide, left), wide.truth[["x", "y"]].to_numpy()[left]
    separate, matched = (
        place_metrics(truth, Knn(config).fit(slides, cells).place(cells).layout)["spearman"]
        for config in (SEPARATE, KnnConfig())
    )
    assert matched > separate + 0.02


def test_cells_of_the_whole_tissue_are_standardised_as_before(wide, slides):
    cells = query(wide, np.ones(wide.cells.n_obs, bool))
    config = PreprocessConfig()
    matched, features = matched_reference(slides, cells, config, seed=0)
    plain, expected = Reference.fit(slides, cells, config, seed=0)
    np.testing.assert_array_equal(features, expected)
    np.testing.assert_array_equal(matched.all_features, plain.all_features)


def test_mass_that_follows_the_spots_is_even_and_mass_on_one_side_is_not(slides):
    reference, _ = Reference.fit(slides, None, PreprocessConfig(), seed=0)
    x = reference.all_places[:, 0]
    directions = np.eye(reference.all_features.shape[1])
    assert imbalance(reference, directions, np.ones(len(x))) == 0
    assert imbalance(reference, directions, (x > np.median(x)).astype(float)) > UNEVEN


def test_few_cells_are_uneven_by_chance_and_nothing_is_said():
    assert composition_notes(0.5, FEWEST_CELLS - 1) == ()
    assert len(composition_notes(0.5, FEWEST_CELLS)) == 1
