"""What a run says of slides without a pattern in space: before it and after it, for each task."""

from __future__ import annotations

import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.gene_preflight import gene_preflight
from napari_spatialrecon.tasks.mixture_preflight import mixture_preflight
from napari_spatialrecon.tasks.preflight import preflight
from napari_spatialrecon.tasks.super_preflight import super_preflight

WARNING = "shows no pattern in space"


@pytest.fixture(scope="module")
def slide(tiny):
    return tiny.slides[0]


@pytest.fixture(scope="module")
def shuffled(slide):
    table = slide.copy()
    table.obsm["spatial"] = np.random.default_rng(0).permutation(table.obsm["spatial"])
    return table


def _checks(slide, tiny):
    """The answer before a run, of each task."""
    return [
        preflight({"C2": slide}, tiny.cells, method="knn"),
        mixture_preflight(slide, tiny.cells, "cell_type", method="nnls", slide_name="C2"),
        gene_preflight(slide[:, 10:], tiny.cells, method="knn", slide_name="C2"),
        super_preflight(slide, method="bilinear", name="C2"),
    ]


def test_before_a_run_a_pattern_is_a_check_that_passed(slide, tiny):
    for found in _checks(slide, tiny):
        assert sum(text.startswith("C2: ") for text in found.passed) == 1
        assert WARNING not in " ".join(found.notes)


def test_before_a_run_a_slide_without_a_pattern_is_warned_of(shuffled, tiny):
    for found in _checks(shuffled, tiny):
        said = (*getattr(found, "warnings", ()), *found.notes)
        assert not any(text.startswith("C2: ") for text in found.passed)
        assert sum(WARNING in text for text in said) == 1


def _results(slide, tiny):
    """A result of each task."""
    return [
        sr.place({"C2": slide}, tiny.cells, method="knn"),
        sr.deconvolve(slide, tiny.cells, "cell_type", method="nnls", slide_name="C2"),
        sr.impute_genes(slide[:, 10:], tiny.cells, "missing", method="knn", slide_name="C2"),
        sr.super_resolve(slide, method="bilinear", name="C2"),
    ]


def test_after_a_run_the_verdict_says_so_and_the_record_has_the_figures(slide, shuffled, tiny):
    strange, own = _results(shuffled, tiny), _results(slide, tiny)
    for result in strange:
        assert WARNING in result.verdict and "no better than the baseline" in result.verdict
        assert any(WARNING in text for text in result.record.warnings)
        assert result.record.settings["spatial_signal"]["C2"]["p_value"] > 0.01
    assert (
        "shows no pattern in space on C2, so that a cell may lie anywhere" in strange[0].notes[-1]
    )
    assert "All at the tissue center would lie" in strange[0].notes[-1]
    for result in own:
        assert WARNING not in result.verdict
        assert result.record.settings["spatial_signal"]["C2"]["p_value"] == 0.01


def test_the_command_prints_the_answer_and_the_curve(slide, tmp_path, capsys):
    from napari_spatialrecon.cli import main

    slide.write_h5ad(tmp_path / "C2.h5ad")
    assert main(["signal", "--slide", str(tmp_path / "C2.h5ad")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "genes show a pattern in space" in shown[0]
    assert "Spearman" in shown[1]
    assert len(shown) == 3 + 12
