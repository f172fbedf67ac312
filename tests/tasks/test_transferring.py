"""Each section is placed by what was learned from each."""

from __future__ import annotations

import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.evaluation.matrix_plot import matrix_plot
from napari_spatialrecon.evaluation.place_metrics import place_metrics


@pytest.fixture(scope="module")
def sections(references):
    """Two sections, and one of noise: its spots exchanged."""
    shuffled = references["two"].copy()
    shuffled.obsm["spatial"] = shuffled.obsm["spatial"][
        np.random.default_rng(0).permutation(shuffled.n_obs)
    ]
    return {**references, "shuffled": shuffled}


@pytest.fixture(scope="module")
def found(sections):
    return sr.transfer(sections, method="knn", device="cpu")


def test_a_row_is_what_training_on_one_section_and_placing_another_gives(found, sections):
    model = sr.train({"one": sections["one"]}, method="knn", device="cpu")
    query = sections["two"].copy()
    del query.obsm["spatial"]
    placed = model.place(query, device="cpu").adata
    truth = sections["two"].obsm["spatial"]
    expected = place_metrics(truth, placed.obsm["spatial"])
    (row,) = found.table.query("learned_from == 'one' and placed == 'two'").to_dict("records")
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_the_matrix_has_a_row_for_each_section_learned_from(found):
    matrix = found.matrix("spearman")
    assert list(matrix.index) == list(matrix.columns) == ["one", "two", "shuffled"]
    assert matrix.loc["one", "two"] > 0.3 > abs(matrix.loc["one", "shuffled"])
    assert abs(matrix.loc["shuffled", "two"]) < 0.3
    off = matrix.to_numpy()[~np.eye(3, dtype=bool)]
    assert found.mean("spearman") == pytest.approx(off.mean())
    with pytest.raises(InputError, match="Expected a metric of places, found 'learned_from'"):
        found.matrix("learned_from")


def test_the_matrix_is_drawn_with_its_numbers(found):
    matrix = found.matrix("spearman")
    figure = matrix_plot(matrix, label="Spearman")
    (ax, _) = figure.axes
    written = [text.get_text() for text in ax.texts]
    assert written == [f"{v:.2f}".replace("0.", ".", 1) for v in matrix.to_numpy().ravel()]
    assert [t.get_text() for t in ax.get_yticklabels()] == list(matrix.index)
    assert [ax.get_xlabel(), ax.get_ylabel()] == ["placed", "learned from"]


def test_one_section_is_refused_and_a_stop_is_heeded(sections):
    with pytest.raises(InputError, match="Expected at least 2 sections, found 1"):
        sr.transfer({"one": sections["one"]}, method="knn")
    with pytest.raises(Stopped):
        sr.transfer(sections, method="knn", should_stop=lambda: True)
