"""The truth of a simulated tissue agrees with what its slides and cells show."""

from __future__ import annotations

import json
from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.provenance import fingerprint
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide, um_per_unit, unit
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.tissue.slide_frame import SlideFrame

TINY = SimulatorConfig.preset("tiny")


@pytest.fixture(scope="module", params=["cortex", "tumour"])
def made(request: pytest.FixtureRequest) -> SimulatedTissue:
    return simulate(request.param, replace(TINY, n_sections=3), seed=3)


def test_poses_bring_every_cell_of_every_section_back_to_the_tissue_frame(made):
    for slide, pose in zip(made.single_cell_slides, made.poses):
        pixels = slide.obsm["spatial"] / made.config.um_per_px
        tissue = pose.inverse().apply(pixels)
        assert np.abs(tissue - slide.obs[["x_um", "y_um"]].to_numpy()).max() < 1e-6


def test_truth_of_the_dissociated_cells_agrees_between_its_two_frames(made):
    back = made.poses[0].inverse().apply(made.truth[["x", "y"]].to_numpy())
    assert np.abs(back - made.truth[["x_um", "y_um"]].to_numpy()).max() < 1e-6
    assert (made.truth.index == made.cells.obs_names).all()
    assert (made.truth["cell_type"] == made.cells.obs["cell_type"]).all()


def test_sections_differ_in_pose_and_one_is_turned_over(made):
    turns = [np.arctan2(pose.linear[1, 0], pose.linear[0, 0]) for pose in made.poses]
    assert min(abs(a - b) for i, a in enumerate(turns) for b in turns[:i]) > np.deg2rad(2)
    assert [pose.reflected for pose in made.poses] == [False, False, True]
    assert np.allclose([pose.scale for pose in made.poses], 1 / made.config.um_per_px)


def test_spots_are_55_um_circles_on_a_hexagonal_grid_of_100_um(made):
    for i, slide in enumerate(made.slides, start=1):
        factors = slide.uns["spatial"][f"section{i}"]["scalefactors"]
        assert factors["spot_diameter_fullres"] * made.config.um_per_px == pytest.approx(65)
        assert SlideFrame.read(slide).spot_diameter == pytest.approx(55 / made.config.um_per_px)
        points = slide.obsm["spatial"] * made.config.um_per_px
        distance = cKDTree(points).query(points, 7)[0][:, 1:]
        assert distance.min() == pytest.approx(100)
        inner = np.isclose(distance, 100).all(1)
        assert inner.sum() > 5
        assert ((slide.obs["array_row"] + slide.obs["array_col"]) % 2 == 0).all()


def test_a_spot_counts_exactly_the_cells_inside_its_circle(made):
    for slide, cells in zip(made.slides, made.single_cell_slides):
        spots = slide.obsm["spatial"] * made.config.um_per_px
        inside = cdist(spots, cells.obsm["spatial"]) <= 27.5
        assert np.array_equal(inside @ cells.X.toarray(), slide.X.toarray())
        named = cells.obs["spot"].to_numpy()
        assert np.array_equal(inside.any(0), named != "")
        assert (inside.sum(1) >= 1).all()


def test_composition_counts_the_types_of_the_cells_in_each_spot(made):
    composition = made.composition(1)
    inside = made.single_cell_slides[1].obs["spot"] != ""
    assert list(composition.index) == list(made.slides[1].obs_names)
    assert composition.to_numpy().sum() == inside.sum()


def test_dissociated_cells_are_no_cells_of_a_slide(made):
    assert made.depths[-1] not in made.depths[:-1]
    query = made.truth[["x_um", "y_um"]].to_numpy()
    for slide in made.single_cell_slides:
        nearest = cKDTree(slide.obs[["x_um", "y_um"]].to_numpy()).query(query)[0]
        assert nearest.min() > 0
        assert not set(made.cells.obs_names) & set(slide.obs_names)


def test_dissociated_cells_carry_no_place(made):
    assert not made.cells.obsm and not made.cells.uns
    assert list(made.cells.obs) == ["cell_type", "batch"]
    assert not made.cells.var.columns.any()


def test_tables_pass_the_contract_that_methods_ask_for(made):
    slide, cells = made.slides[0], made.single_cell_slides[0]
    assert (unit(slide), um_per_unit(slide)) == ("px", made.config.um_per_px)
    assert (unit(cells), um_per_unit(cells)) == ("um", 1.0)
    assert prepare_slide(slide, "slide").kept.any()
    assert prepare_query(made.cells, "cells").kept.any()
    for table in (slide, cells, made.cells):
        values = table.X.data
        assert values.dtype == np.float32 and (values > 0).all() and (values % 1 == 0).all()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, second = (simulate("tumour", TINY, seed=5) for _ in range(2))
    for name, tissue in (("a", first), ("b", second)):
        paths = tissue.write(tmp_path / name)
    assert len(paths) == 7
    for path in paths:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes(), path.name
    other = simulate("tumour", TINY, seed=6)
    assert fingerprint(other.cells.X) != fingerprint(first.cells.X)


def test_the_global_generator_neither_decides_nor_moves():
    np.random.seed(1)  # noqa: NPY002
    first = simulate("cortex", TINY, seed=2)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    second = simulate("cortex", TINY, seed=2)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert fingerprint(first.slides[0].X) == fingerprint(second.slides[0].X)


def test_files_hold_the_truth_apart_from_the_cells(made, tmp_path):
    made.write(tmp_path)
    cells, truth = ad.read_h5ad(tmp_path / "cells.h5ad"), ad.read_h5ad(tmp_path / "truth.h5ad")
    assert not cells.obsm and set(cells.obs) == {"cell_type", "batch"}
    assert np.array_equal(truth.obsm["spatial"], made.truth[["x", "y"]].to_numpy())
    assert truth.uns["spatialrecon"]["unit"] == "px"
    written = json.loads((tmp_path / "simulation.json").read_text(encoding="utf-8"))
    assert written["poses"][2] == made.poses[2].to_dict()
    assert SimulatorConfig.from_dict(written["config"]) == made.config
    section = ad.read_h5ad(tmp_path / "section2.h5ad")
    image = section.uns["spatial"]["section2"]["images"]["hires"]
    assert image.dtype == np.uint8 and image.shape[2] == 3


def test_every_cell_type_and_niche_occurs_in_a_section(made):
    obs = made.single_cell_slides[0].obs
    assert (obs["cell_type"].value_counts() > 0).all()
    assert (obs["niche"].value_counts() > 0).mean() > 0.7


def test_an_unknown_tissue_or_too_few_cells_is_said_with_a_remedy():
    with pytest.raises(InputError, match="cortex, tumour; found 'liver'"):
        simulate("liver", TINY)
    with pytest.raises(InputError, match="Try a larger size"):
        simulate("cortex", replace(TINY, n_cells=50_000))


def test_a_stop_ends_the_work():
    with pytest.raises(Stopped):
        simulate("cortex", TINY, reporter=Reporter(should_stop=lambda: True))


def test_the_reporter_hears_of_every_section():
    heard = []
    simulate("cortex", TINY, reporter=Reporter(heard.append, interval_s=0.0))
    assert [p.step for p in heard if p.total] == [0, 1, 2, 3]
