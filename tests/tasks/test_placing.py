"""Placing from AnnData to AnnData."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from napari_spatialrecon.errors import CheckpointError, InputError, Stopped, ValidationError
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.images import histology


def contents(path):
    """Every dataset and attribute of an HDF5 file, as bytes."""
    found = {}

    def visit(name, item):
        found[name, "attributes"] = {k: str(v) for k, v in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            value = np.asarray(item[()])
            found[name] = (item.dtype.str, item.shape, repr(value.tolist()))

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def stop_after(calls):
    """Say stop at the given call."""
    counter = iter(range(10**9))
    return lambda: next(counter) >= calls


@pytest.fixture(scope="module")
def placed(references, tiny):
    return place(references, tiny.cells, method="knn", query_name="cells.h5ad")


def test_the_places_stand_where_anndata_users_look(placed, tiny):
    adata = placed.adata
    assert list(adata.obs_names) == list(tiny.cells.obs_names)
    assert adata.obsm["spatial"].shape == (400, 2)
    np.testing.assert_array_equal(adata.obsm["spatial"], placed.placement.coordinates)
    np.testing.assert_array_equal(adata.obsm["X_layout"], placed.placement.layout)
    assert (adata.obs["placement_uncertainty"] > 0).all()
    assert (adata.X != tiny.cells.X).nnz == 0
    assert "cell_type" in adata.obs


def test_the_result_has_the_frame_unit_and_image_of_the_displayed_slide(references, tiny, placed):
    for name, slide in references.items():
        result = place(references, tiny.cells, method="knn", display=name).adata
        points, spots = result.obsm["spatial"], slide.obsm["spatial"]
        assert (points.mean(axis=0) > spots.min(axis=0)).all()
        assert (points.mean(axis=0) < spots.max(axis=0)).all()
        assert list(result.uns["spatial"]) == list(slide.uns["spatial"])
        assert result.uns["spatialrecon"]["unit"] == "px"
        assert result.uns["spatialrecon"]["um_per_unit"] == 0.5
    assert placed.record.settings["display"] == "one"


def test_the_result_tells_how_it_was_made(placed):
    own = placed.adata.uns["spatialrecon"]
    provenance = json.loads(own["provenance"])
    assert provenance["method"] == "knn"
    assert provenance["seed"] == 0
    assert set(provenance["inputs"]) == {"one", "two", "cells.h5ad"}
    assert provenance["config"]["neighbours"] == 20
    assert own["diagnostics"] == placed.placement.diagnostics
    np.testing.assert_array_equal(own["pose"]["linear"], placed.placement.pose.linear)


def test_the_answer_can_be_judged(placed, tiny):
    truth = tiny.cells.copy()
    truth.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy()
    truth.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 0.5}
    report = evaluate_place(truth, placed.adata)
    assert report["metrics"]["spearman"] > 0.6
    assert report["posed_error"]["unit"] == "um"


def test_inputs_are_left_alone(references, tiny, quick):
    query = tiny.cells.copy()
    query.obsm["spatial"] = np.ones((400, 2))
    slides = {name: slide.copy() for name, slide in references.items()}
    result = place(slides, query, config=quick.with_values({"training.steps": 2}))
    np.testing.assert_array_equal(query.obsm["spatial"], 1)
    assert set(query.obsm) == {"spatial"}
    assert list(query.obs) == list(tiny.cells.obs)
    assert dict(query.uns) == {}
    for name, slide in slides.items():
        assert (slide.X != references[name].X).nnz == 0
        assert set(slide.uns) == set(references[name].uns)
        np.testing.assert_array_equal(slide.obsm["spatial"], references[name].obsm["spatial"])
    np.testing.assert_array_equal(result.adata.obsm["spatial_before"], 1)


def test_places_that_the_query_had_change_nothing(references, tiny, placed):
    told = tiny.cells.copy()
    told.obsm["spatial"] = tiny.truth[["x", "y"]].to_numpy()
    told.obs["x"] = told.obsm["spatial"][:, 0]
    again = place(references, told, method="knn", query_name="cells.h5ad")
    assert again.adata.obsm["spatial"].tobytes() == placed.adata.obsm["spatial"].tobytes()


def test_a_cell_without_counts_is_left_out_and_that_is_said(references, tiny, tmp_path):
    query = tiny.cells.copy()
    matrix = query.X.tolil()
    matrix[7] = 0
    query.X = matrix.tocsr()
    result = place(references, query, method="knn")
    assert result.adata.n_obs == 399
    assert query.obs_names[7] not in result.adata.obs_names
    note = "query: excluded 1 of 400 cells without counts."
    assert note in result.notes
    path, record = result.write(tmp_path / "placed.h5ad")
    assert record.name == "placed.run.json"
    assert note in json.loads(record.read_text())["notes"]
    with h5py.File(path) as file:
        assert note in file["uns/spatialrecon/provenance"][()].decode()


def test_the_verdict_says_how_the_method_did_beside_the_baseline(placed, references, tiny, quick):
    assert placed.verdict.startswith("Median error on held-out spots, kNN: ")
    result = place(references, tiny.cells, config=quick.with_values({"training.steps": 1}))
    errors = result.method.held_out
    own, baseline = errors["method_um"], errors["baseline_um"]
    assert baseline < own and f"{own:,.0f} µm (kNN {baseline:,.0f} µm, all" in result.verdict
    assert "distances between them are worse than those of kNN. Expected error" in result.verdict
    metrics = result.record.metrics
    spots = metrics["calibration_spots"]
    assert result.verdict.endswith(f"of {spots:,.0f} held-out spots.")
    half = float(np.median(result.adata.obs["expected_error"]))
    assert metrics["expected_error_um"] == pytest.approx(half * 0.5), "a unit is 0.5 µm"
    assert metrics["held_out_method_um"] == own and metrics["held_out_baseline_um"] == baseline
    assert metrics["held_out_center_um"] > baseline


def test_the_verdict_of_slides_too_small_to_hold_spots_out_is_honest(references, tiny):
    few = {"few": references["one"][:12].copy()}
    result = place(few, tiny.cells, method="knn")
    assert result.verdict == "No spots were held out, so the error on unseen spots is unknown."


def test_a_saved_model_places_without_slides(placed, tiny, tmp_path):
    placed.method.save(tmp_path / "model")
    for model in (tmp_path / "model", placed.method):
        again = place({}, tiny.cells, method="knn", model=model, query_name="cells.h5ad")
        np.testing.assert_array_equal(again.adata.obsm["spatial"], placed.adata.obsm["spatial"])
        assert "spatial" not in again.adata.uns
        assert again.adata.uns["spatialrecon"]["um_per_unit"] == 0.5


def test_a_model_of_another_method_is_refused(placed, tiny, tmp_path):
    placed.method.save(tmp_path / "model")
    for model in (tmp_path / "model", placed.method):
        with pytest.raises(CheckpointError, match="Expected a model of 'ridge', found one of 'kn"):
            place({}, tiny.cells, method="ridge", model=model)


def test_without_slides_and_model_nothing_can_be_placed(tiny):
    with pytest.raises(InputError, match="at least one reference slide or a model"):
        place({}, tiny.cells)


def test_a_display_that_is_no_slide_is_refused_before_training(references, tiny):
    def never(progress):
        assert progress.stage == "Starting"

    with pytest.raises(InputError, match="found 'three'") as caught:
        place(references, tiny.cells, display="three", progress=never)
    assert caught.value.remedy == "Try one of one, two."


def test_all_problems_of_a_slide_are_told_at_once(references, tiny):
    bad = references["one"].copy()
    bad.obsm["spatial"] = bad.obsm["spatial"].copy()
    bad.obsm["spatial"][3] = np.nan
    bad.var_names = [*bad.var_names[:-1], bad.var_names[0]]
    with pytest.raises(ValidationError) as caught:
        place({"bad": bad}, tiny.cells, method="knn")
    assert len(caught.value.problems) == 2


@pytest.fixture(scope="module")
def straight(references, tiny, quick):
    return place(references, tiny.cells, config=quick)


def test_the_same_seed_gives_the_same_file(references, tiny, quick, straight, tmp_path):
    again = place(references, tiny.cells, config=quick)
    first, second = tmp_path / "first.h5ad", tmp_path / "second.h5ad"
    straight.write(first)
    again.write(second)
    assert contents(first) == contents(second)
    assert first.read_bytes() == second.read_bytes()
    other = place(references, tiny.cells, config=quick, seed=1)
    assert not np.allclose(other.adata.obsm["spatial"], straight.adata.obsm["spatial"])


@pytest.mark.parametrize("calls", [0, 2, 30, 60, 110])
def test_a_run_stopped_at_any_moment_and_resumed_ends_like_a_straight_one(
    references, tiny, quick, straight, tmp_path, calls
):
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        place(references, tiny.cells, config=quick, folder=folder, should_stop=stop_after(calls))
    resumed = place(references, tiny.cells, config=quick, folder=folder, resume=True)
    for slot in ("spatial", "X_layout"):
        assert resumed.adata.obsm[slot].tobytes() == straight.adata.obsm[slot].tobytes()
    own, expected = (r.adata.uns["spatialrecon"] for r in (resumed, straight))
    assert own["provenance"] == expected["provenance"]
    assert own["diagnostics"] == expected["diagnostics"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"config": {"alpha": 3.0}}, "config"),
        ({"seed": 1}, "seed"),
        ({"query": 5}, "inputs"),
    ],
)
def test_a_run_is_resumed_only_with_what_was_asked_of_it(
    references, tiny, quick, tmp_path, change, named
):
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        place(references, tiny.cells, config=quick, folder=folder, should_stop=stop_after(30))
    config = quick.with_values(change.get("config", {}))
    query = tiny.cells[change.get("query", 0) :].copy()
    with pytest.raises(CheckpointError, match=f"found another {named}") as caught:
        place(
            references, query, config=config, seed=change.get("seed", 0), folder=folder, resume=True
        )
    assert caught.value.remedy


def test_a_run_is_resumed_only_on_slides_of_the_same_size(references, tiny, quick, tmp_path):
    """Versions before 0.2 took the slides for smaller, and did not write down for how large."""
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        place(references, tiny.cells, config=quick, folder=folder, should_stop=stop_after(30))
    larger = {name: slide.copy() for name, slide in references.items()}
    for slide in larger.values():
        slide.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 7.0}
    with pytest.raises(CheckpointError, match="found another micrometres"):
        place(larger, tiny.cells, config=quick, folder=folder, resume=True)
    asked = folder / "asked.json"
    written = json.loads(asked.read_text())
    del written["micrometres"]
    asked.write_text(json.dumps(written))
    with pytest.raises(CheckpointError, match="found another micrometres"):
        place(references, tiny.cells, config=quick, folder=folder, resume=True)


def test_a_folder_without_a_run_cannot_be_resumed(references, tiny, tmp_path):
    with pytest.raises(CheckpointError, match="the folder of a stopped run, found none"):
        place(references, tiny.cells, folder=tmp_path, resume=True)


def test_a_new_run_does_not_take_up_checkpoints_of_an_older_one(
    references, tiny, quick, straight, tmp_path
):
    """An older run got as far as its second network, the new one stops before its first."""
    folder = tmp_path / "run"
    older = quick.with_values({"alpha": 1.0})
    place(references, tiny.cells, config=older, folder=folder)
    assert (folder / "network1").is_dir()
    with pytest.raises(Stopped):
        place(references, tiny.cells, config=quick, folder=folder, should_stop=stop_after(20))
    resumed = place(references, tiny.cells, config=quick, folder=folder, resume=True)
    np.testing.assert_array_equal(resumed.adata.obsm["spatial"], straight.adata.obsm["spatial"])


def test_the_baselines_stop_too(references, tiny):
    with pytest.raises(Stopped):
        place(references, tiny.cells, method="knn", should_stop=lambda: True)


def test_progress_names_every_stage(references, tiny, quick):
    stages = []
    place(references, tiny.cells, config=quick, progress=lambda p: stages.append(p.stage))
    seen = list(dict.fromkeys(stages))
    assert seen == [
        "Starting",
        "Preparing features",
        "Validating on held-out spots",
        "Calibrating expected errors",
        "Training network 1 of 2",
        "Training network 2 of 2",
        "Placing cells",
        "Laying out mean distances",
    ]


def test_a_result_is_laid_on_another_image_by_the_images_alone(tiny, references):
    """The second section is shown turned: its pose is found from the two H&E images."""
    target = histology(tiny.slides[1])
    only_one = {"one": references["one"]}
    placed = place(only_one, tiny.cells, method="knn")
    laid = place(only_one, tiny.cells, method="knn", register_to=tiny.slides[1])
    pose = tiny.poses[1].compose(tiny.poses[0].inverse())
    expected = pose.apply(placed.adata.obsm["spatial"])
    gap = np.linalg.norm(laid.adata.obsm["spatial"] - expected, axis=1)
    extent = np.ptp(tiny.slides[1].obsm["spatial"], axis=0).max()
    assert np.median(gap) < 0.1 * extent
    assert list(laid.adata.uns["spatial"]) == list(tiny.slides[1].uns["spatial"])
    assert laid.record.settings["registered_to"] == target.name
    assert 0 < laid.record.metrics["registration_overlap"] <= 1
    np.testing.assert_allclose(
        laid.placement.pose.apply(laid.placement.layout), laid.placement.coordinates
    )


def test_a_result_laid_on_an_image_has_the_unit_of_its_slide(tiny, references):
    """The cells of the second section are in µm, half of the first one's pixels."""
    in_um = tiny.single_cell_slides[1]
    only_one = {"one": references["one"]}
    placed = place(only_one, tiny.cells, method="knn")
    laid = place(only_one, tiny.cells, method="knn", register_to=in_um)
    assert laid.adata.uns["spatialrecon"]["unit"] == "um"
    ratio = laid.placement.uncertainty / placed.placement.uncertainty
    np.testing.assert_allclose(ratio, 0.5, rtol=0.1)
    np.testing.assert_allclose(
        np.ptp(laid.placement.coordinates), 0.5 * np.ptp(placed.placement.coordinates), rtol=0.3
    )


def test_come_leaves_its_mapping_with_the_names_of_the_spots(references, tiny):
    adata = place(references, tiny.cells, method="come").adata
    names = [*references["one"].obs_names, *references["two"].obs_names]
    assert adata.obsm["mapping"].shape == (adata.n_obs, len(names))
    assert list(adata.uns["spatialrecon"]["mapping_spots"]) == names
    assert set(adata.uns["spatialrecon"]["mapping_slides"]) == {"one", "two"}
