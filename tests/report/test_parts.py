"""What the sections say, on runs that are made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.figure import Figure

from napari_spatialrecon.methods.citations import citation
from napari_spatialrecon.methods.registry import METHODS
from napari_spatialrecon.report import inputs, mixtures, near_types, places
from napari_spatialrecon.report.caveats import caveats_of
from napari_spatialrecon.report.methods import method_section, paragraph_section
from napari_spatialrecon.report.near_types import vicinities
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.repeating import command_of
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.report.settings import settings_section
from napari_spatialrecon.report.tried import choice_of, tried_table
from napari_spatialrecon.report.validation import bars_of, validation_section, verdict

METRICS = {
    "held_out_method": 0.3,
    "held_out_baseline": 0.4,
    "held_out_gain": 0.1,
    "held_out_gain_noise": 0.01,
    "held_out_method_um": 100.0,
    "held_out_baseline_um": 150.0,
    "held_out_center_um": 600.0,
}


def made(task: str = "place", method: str = "gears", **more: Any) -> Run:
    """Return a run of 200 cells in two halves of a square of 1 mm, a type in each."""
    rng = np.random.default_rng(0)
    adata = AnnData(rng.poisson(2.0, (200, 20)).astype(np.float32))
    adata.obs["cell_type"] = pd.Categorical(np.repeat(["left", "right"], 100))
    adata.obsm["spatial"] = rng.random((200, 2)) * [500, 1000] + np.repeat(
        [[0, 0], [500, 0]], 100, 0
    )
    adata.uns["spatialrecon"] = {"unit": "um"}
    record = {
        "task": task,
        "method": method,
        "config": {},
        "seed": 3,
        "inputs": {"C2": "ab", "cells": "cd"},
        "settings": {"reference": ["C2.h5ad"], "query": "cells.h5ad"},
        "metrics": METRICS,
        **more,
    }
    return Run("sample", adata, record)


def test_every_paper_is_cited_and_baselines_are_said_to_have_none() -> None:
    for info in METHODS:
        assert (citation(info) is None) == (info.page in ("baselines", "auto"))
    text = " ".join(method_section(made()).text)
    assert "Azim et al., 2026" in text and text.count("It assumes") == 1
    assert "without a paper" in " ".join(method_section(made(method="knn")).text)


@pytest.mark.parametrize("task", ["place", "impute-locations"])
def test_numbers_stand_beside_the_baseline_and_the_center(task: str) -> None:
    bars = bars_of(made(task))
    assert bars[1].name.startswith("kNN")
    assert [bar.text for bar in bars] == ["100 µm", "150 µm", "600 µm"]
    assert bars[0].own and bars[-1].share == 1.0 and bars[0].share == pytest.approx(1 / 6)
    (line, *_) = validation_section(made(task)).lines
    assert line[0] == "good" and "100 µm (kNN 150 µm" in line[1]
    alone = bars_of(made("place", method="knn", metrics={"held_out_baseline": 0.5}))
    assert [(bar.text, bar.share) for bar in alone] == [("error 0.50", 0.5)]


def test_what_was_not_measured_is_no_praise() -> None:
    nothing = made(metrics={})
    assert bars_of(nothing) == () and verdict(nothing).doubtful
    genes = made("impute-genes", "knn", metrics={"held_out_pcc": 0.2})
    assert verdict(genes).doubtful
    assert not verdict(made("impute-genes", "knn", metrics={"hidden_pcc": 0.6})).doubtful


def test_methods_that_were_tried_are_told_with_the_one_kept() -> None:
    tried = {"gears": {"method": 0.3, "method_um": 100.0, "gain": 0.1, "gain_noise": 0.01}}
    tried["knn"] = {"baseline": 0.4, "baseline_um": 150.0}
    skipped = {"dp-VAE": "it takes too long"}
    auto = {"tried": tried, "kept": "gears", "skipped": skipped, "config": {}}
    run = made(settings={"auto": auto})
    (table,) = validation_section(run).tables
    assert [row[0] for row in table.rows] == ["GEARS (kept)", "kNN", "dp-VAE"]
    assert table.rows[2][1] == "not tried" and "too long" in table.rows[2][3]
    text = paragraph_section(run, [], places.done).code
    assert "chosen among 2 methods by their error on held-out spots" in text


def test_what_a_choice_tried_has_the_measure_of_its_task_and_what_it_kept_is_named_and_cited() -> (
    None
):
    tried = {"nnls": {"error": 0.45}, "come": {"error": 0.37, "gain": 0.08, "gain_noise": 0.01}}
    tried["nnls likelihood of counts"] = {"error": 0.40, "gain": 0.05, "gain_noise": 0.02}
    auto = {"tried": tried, "kept": "nnls likelihood of counts", "skipped": {}, "config": {}}
    one = made("deconvolve", "nnls", config={"loss": "counts"}, settings={"auto": auto}, metrics={})
    choice = choice_of(one)
    assert choice is not None
    table = tried_table(choice)
    assert table.head[1].startswith("Jensen-Shannon") and "pseudo-spots" in table.caption
    assert [row[:2] for row in table.rows] == [
        ("COME", "0.370"),
        ("Weighted regression (likelihood of counts) (kept)", "0.400"),
        ("Weighted regression", "0.450"),
    ]
    (settings,) = settings_section(one).tables
    assert [row[3] for row in settings.rows] == ["chosen by auto"]
    mean = {"error": 0.33, "weights": {"come": 0.75, "nnls": 0.25}}
    several = {**auto, "kept": ["nnls", "come"], "mean": mean}
    both = made("deconvolve", "auto", settings={"auto": several}, metrics={})
    choice = choice_of(both)
    assert choice is not None
    first = "The mean of Weighted regression (25%) and COME (75%) (kept)"
    assert tried_table(choice).rows[0] == (first, "0.330", "+0.120")
    said = " ".join(method_section(both).text)
    assert "Auto tried 3 methods on pseudo-spots" in said and "Wei et al., 2025" in said


def test_settings_that_differ_say_from_where_and_what_they_mean() -> None:
    info = made().info
    assert info is not None
    standard = info.config().preset("standard").with_values({"training.steps": 77})
    run = made(config=standard.to_dict(), settings={"preset": "standard"})
    (table,) = settings_section(run).tables
    rows = {row[0]: row for row in table.rows}
    assert rows["training.steps"][1] == "77" and rows["training.steps"][3] == "set by hand"
    assert "preset standard" in {row[3] for row in table.rows}
    assert all(len(row[4]) > 10 for row in table.rows)
    plain = settings_section(made(config=info.config()().to_dict()))
    assert not plain.tables and "default" in plain.text[0]
    (old,) = settings_section(made(config={"of_old": 1})).tables
    assert old.rows[0][4] == "No longer a setting."


def test_a_run_is_repeated_by_the_command_it_was_given_by() -> None:
    given = made(settings={"command": "spatialrecon place --query 'a b.h5ad' --out x.h5ad"})
    assert command_of(given) == (
        "spatialrecon place \\\n    --query 'a b.h5ad' \\\n    --out x.h5ad",
        True,
    )
    built, as_given = command_of(made(config={"members": 2}))
    words = built.replace(" \\\n    ", " ")
    assert not as_given
    for part in ("--method gears", "--reference C2.h5ad", "--query cells.h5ad", "--seed 3"):
        assert part in words
    bare = command_of(made("deconvolve", "nnls", settings={}))[0]
    assert "--slide SLIDE" in bare and "--labels LABELS" in bare


@pytest.mark.parametrize(
    ("radius", "tone"), [(30.0, "warning"), (200.0, "good"), (900.0, "warning")]
)
def test_radii_are_held_against_the_error_of_held_out_spots(radius: float, tone: str) -> None:
    run = made()
    run.adata.obs["placement_uncertainty"] = radius
    assert [found for found, _ in places._checked(run, np.full(200, radius))] == [tone]
    said = [text for _, text in caveats_of(run, []) if text.startswith("Uncertainty")]
    assert bool(said) == (tone == "warning")
    stated = {"expected_error_um": 90.0, "radius_90_um": radius, "calibration_held": 0.92}
    run.record["metrics"] = METRICS | stated | {"calibration_spots": 186.0}
    found = places._checked(run, np.full(200, radius))
    assert bool(found) == (radius < 900.0)  # calibrated on spots less like the slides
    run.adata.obs["expected_error"] = 90.0
    part = places._uncertainty(run, [], Studio.of(1), "no image")
    assert not part.pictures and part.text[0].endswith(
        f"Expected error: 90 µm, the same for every cell; 90% radius: {radius:.0f} µm, the same "
        "for every cell. That radius held 92% of 186 held-out spots."
    )


def test_radii_are_held_against_measured_places_where_cells_had_them() -> None:
    run = made(metrics={}, settings={"query": "C5.h5ad", "onto": "C5.h5ad"})
    away = np.where(np.arange(200) < 120, 10.0, 50.0)
    run.adata.obsm["spatial_before"] = run.adata.obsm["spatial"] + np.c_[away, np.zeros(200)]
    ((tone, text),) = places._checked(run, np.full(200, 20.0))
    assert tone == "warning" and text.startswith("60% of the cells")
    assert places._checked(run, np.full(200, 60.0))[0][0] == "good"
    assert "half of the 200 cells lie within 10 µm" in validation_section(run).lines[1][1]
    for other in ({"query": "C5.h5ad"}, {"query": "C5.h5ad", "onto": "C6.h5ad"}):
        elsewhere = Run("sample", run.adata, {**run.record, "settings": other})
        assert len(validation_section(elsewhere).lines) == 1
        assert places._checked(elsewhere, np.full(200, 20.0)) == []


def slide_with(markers: bool) -> AnnData:
    """Return 196 spots over the square, whose first genes are high on the left if asked."""
    rng = np.random.default_rng(1)
    x, y = (
        grid.ravel() for grid in np.meshgrid(np.linspace(0, 1000, 14), np.linspace(0, 1000, 14))
    )
    slide = AnnData(rng.poisson(2.0, (196, 20)).astype(np.float32))
    if markers:
        slide.X[x < 450, :3] += 8
    slide.obsm["spatial"] = np.column_stack([x, y])
    slide.uns["spatialrecon"] = {"unit": "um"}
    return slide


def test_markers_are_higher_near_cells_that_lie_where_the_slide_has_them() -> None:
    run = made()
    run.adata.X[:100, :3] += 8
    found = {one.kind: one for one in vicinities(run.adata, slide_with(True), "cell_type")}
    own = ["0", "1", "2"]
    left = found["left"].genes.loc[own]
    assert (left["p"] < 1e-6).all() and (left["change"] > 1).all()
    other = {one.kind: one for one in vicinities(run.adata, slide_with(False), "cell_type")}
    assert (other["left"].genes.loc[own, "p"] > 1e-3).all()
    mirrored = run.adata.copy()
    mirrored.obsm["spatial"][:, 0] = 1000 - mirrored.obsm["spatial"][:, 0]
    wrong = {one.kind: one for one in vicinities(mirrored, slide_with(True), "cell_type")}
    assert (wrong["left"].genes.loc[own, "change"] < 0).all()


def test_without_types_or_slide_the_page_says_so() -> None:
    run = made()
    part = near_types.markers_section(run, [], Studio.of(1), None)
    assert part is not None and "the measured slide was not found" in part.text[0]
    del run.adata.obs["cell_type"]
    part = near_types.markers_section(run, [], Studio.of(1), None)
    assert part is not None and "no column of types" in part.text[0]


def test_pictures_stay_below_their_share_of_the_page() -> None:
    figure = Figure((8, 6), dpi=150)
    noise = np.random.default_rng(0).random((900, 1200, 3))
    figure.add_axes((0, 0, 1, 1)).imshow(noise)
    large, small = (Studio(most).picture(figure, "noise") for most in (10**7, 60_000))
    assert large.width == 1200 and small.width < 700
    assert len(small.uri) < len(large.uri) / 3 and small.uri.startswith("data:image/jpeg;base64,")


def test_a_method_goes_by_its_title_and_one_that_is_gone_by_its_name() -> None:
    assert made().method == "GEARS" and made(method="gone").method == "gone"


def test_types_go_by_their_own_names_on_their_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen, plain = made("deconvolve", "nnls"), [], mixtures.type_maps
    shares = np.linspace(0, 1, 200)
    columns = {"L2_3 IT": shares, "Astro": 1 - shares}  # as a file has them
    run.adata.obsm["proportions"] = pd.DataFrame(columns, index=run.adata.obs_names)
    run.adata.uns["spatialrecon"]["types"] = ["L2/3 IT", "Astro"]

    def noted(points: np.ndarray, shares: pd.DataFrame) -> Figure:
        seen.extend(shares)
        return plain(points, shares)

    monkeypatch.setattr(mixtures, "type_maps", noted)
    mixtures.figures(run, [], Studio.of(1), None)
    assert seen == ["L2/3 IT", "Astro"]
    bare = AnnData(np.ones((3, 1)), obsm={"spatial": np.array([[0.0, 0], [0, 1116], [1116, 0]])})
    assert inputs._spacing(bare, bare) == "1,116, µm unknown"
