"""A session that is saved and opened again: everything is as it was, or what changed is said."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Layer, Points

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.viewer.align.layers import AlignSession
from napari_spatialrecon.viewer.align.model import Pair
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.landmarks.layers import LandmarksSession
from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.session.manifest import MARK, MovedError, is_session
from napari_spatialrecon.viewer.session.reading import LayerRead, locate, read_session
from napari_spatialrecon.viewer.session.saving import write_session
from napari_spatialrecon.viewer.session.showing import _settling, show_session
from napari_spatialrecon.viewer.session.snapshot import take
from napari_spatialrecon.viewer.window.steps import at_once
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of
from viewer.workspace.test_reopening import finished

SEEN = ("data", "scale", "translate", "opacity", "visible", "blending", "units", "name")
OF_POINTS = ("size", "face_color", "border_color", "border_width", "shown", "symbol")


def add(viewer: ViewerModel, path: Path) -> None:
    for layer in read(str(path)):
        viewer._add_layer_from_data(*layer)


@pytest.fixture
def file(slide: anndata.AnnData, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "C5.h5ad"
    slide.write_h5ad(path)
    return path


@pytest.fixture
def again(forgetful: Any, monkeypatch: pytest.MonkeyPatch) -> ViewerModel:
    """An empty viewer that becomes the current one."""
    other = ViewerModel()
    forgetful(other)
    return other


def saved(viewer: ViewerModel, tmp_path: Path) -> Path:
    folder = tmp_path / "mine.spatialrecon"
    assert write_session(take(viewer), folder) == []
    return folder


def show(viewer: ViewerModel, folder: Path, **options: Any) -> list[str]:
    return show_session(viewer, read_session(folder, **options))


def compare(before: ViewerModel, after: ViewerModel) -> None:
    """Check that every layer is as it was."""
    assert [layer.name for layer in after.layers] == [layer.name for layer in before.layers]
    for old, new in zip(before.layers, after.layers, strict=True):
        assert type(old) is type(new)
        for seen in SEEN:
            one, other = getattr(old, seen), getattr(new, seen)
            if seen == "data" and getattr(old, "multiscale", False):
                one, other = one[-1], other[-1]
            if seen == "data" and isinstance(one, list):
                assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
                continue
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=seen)
        np.testing.assert_allclose(new.affine.affine_matrix, old.affine.affine_matrix)
        if isinstance(old, Points):
            for seen in OF_POINTS:
                one, other = (np.asarray(getattr(layer, seen)) for layer in (old, new))
                if one.dtype.kind == "O":
                    assert (one == other).all(), seen
                else:
                    np.testing.assert_allclose(other, one, atol=1e-6, err_msg=seen)
            assert color_key(new) == color_key(old)
            assert list(new.features) == list(old.features)
        if isinstance(old, Image):
            assert new.contrast_limits == pytest.approx(old.contrast_limits)
            assert new.colormap.name == old.colormap.name
            assert new.colorbar.visible == old.colorbar.visible


def test_a_slide_and_its_looks_return(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    image, spots = viewer.layers
    color_layer(spots, "domain")
    spots.size = 40.0
    image.opacity, image.translate = 0.5, (30.0, -10.0)
    viewer.layers.move(1, 0)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, 12.0, 34.0), 0.7
    viewer.layers.selection = {spots}
    workspace_of(viewer).selection.set_rows(spots, [3, 4])
    folder = saved(viewer, tmp_path)
    assert is_session(folder) and not list(folder.glob("*.h5ad")), "the slide is not copied"
    assert show(again, folder) == []
    compare(viewer, again)
    assert again.scene.camera.zoom == 0.7 and again.scene.camera.center[1:] == (12.0, 34.0)
    assert again.layers.selection.active.name == spots.name
    space = workspace_of(again)
    listed = {(e.name, e.role, e.path) for e in space}
    assert listed == {(e.name, e.role, file) for e in workspace_of(viewer)}
    assert space.selection.names.tolist() == ["spot3", "spot4"]
    assert space.selection.source is again.layers[spots.name]


def test_the_image_of_a_slide_whose_spots_were_deleted_returns(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    viewer.layers.pop(1)
    assert [type(layer) for layer in viewer.layers] == [Image]
    assert show(again, saved(viewer, tmp_path)) == []
    compare(viewer, again)


def test_validations_return_with_their_figures_and_go_with_what_is_closed(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    import napari_spatialrecon as sr
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.viewer.session.showing import close_all
    from napari_spatialrecon.viewer.workspace.validations import Found

    made = sr.simulate("cortex", SimulatorConfig.preset("tiny"))
    add(viewer, file)
    space = workspace_of(viewer)
    for method in ("knn", "ridge"):
        validation = sr.validate("place", references={"A": made.slides[0]}, method=method)
        space.validations.add(Found.of(f"Place · {method}", validation))
    show(again, saved(viewer, tmp_path))
    for old, new in zip(space.validations, workspace_of(again).validations, strict=True):
        assert new.name == old.name and new.validation.verdict == old.validation.verdict
        pd.testing.assert_frame_equal(new.validation.table(), old.validation.table())
        pd.testing.assert_frame_equal(new.validation.items, old.validation.items)
        np.testing.assert_array_equal(new.dark, old.dark)
        assert new.validation.record == json.loads(json.dumps(old.validation.record))
    close_all(again)
    assert not len(workspace_of(again).validations)


@pytest.mark.parametrize("task", ["place", "deconvolve", "super-resolve", "impute-genes"])
def test_unsaved_results_return_whole(
    task: str, viewer: ViewerModel, open_tissue: Any, again: ViewerModel, tmp_path: Path
) -> None:
    from napari_spatialrecon.viewer.workspace.results import Result

    space = open_tissue(viewer)
    model, layer = finished(task, viewer, space)
    record = model.outcome.record
    space.results.add(Result(layer.name, model.task, model.outcome.adata, record, layer=layer))
    show(again, saved(viewer, tmp_path))
    compare(viewer, again)
    (result,) = workspace_of(again).results
    assert result.outcome.summary == model.outcome.summary and result.path is None
    assert result.layer in again.layers and result.record == json.loads(json.dumps(record))
    assert (pies_of(result.layer) is not None) == (task == "deconvolve")
    assert [e.name for e in workspace_of(again).of_role(Role.QUERY)] == [
        e.name for e in space.of_role(Role.QUERY)
    ]


def test_what_was_changed_in_memory_is_kept_and_nothing_else(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    adata = table_of(viewer.layers[-1])
    adata.obs["region"] = pd.Categorical(["tumor"] * 10 + [None] * 20)
    adata.uns["region_colors"] = np.array(["#112233"])
    folder = saved(viewer, tmp_path)
    (held,) = folder.glob("*.h5ad")
    changes = anndata.read_h5ad(held)
    assert changes.X is None and list(changes.obs) == ["region"]
    show(again, folder)
    found = table_of(again.layers[-1])
    assert found.obs["region"].value_counts()["tumor"] == 10
    assert found.uns["region_colors"].tolist() == ["#112233"]
    np.testing.assert_array_equal(found.X, adata.X)


def test_changed_counts_are_kept_whole(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    adata = table_of(viewer.layers[-1])
    adata.X = adata.X + 1.0
    show(again, saved(viewer, tmp_path))
    np.testing.assert_array_equal(table_of(again.layers[-1]).X, adata.X)


def test_layers_of_other_kinds_return(
    viewer: ViewerModel, again: ViewerModel, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    viewer.add_image(rng.random((30, 40)), colormap="magma", contrast_limits=(0.1, 0.8))
    viewer.add_labels(rng.integers(0, 4, (30, 40)))
    viewer.add_shapes([np.array([[0.0, 0], [9, 9], [9, 0]])], shape_type="polygon", name="mine")
    viewer.add_vectors(rng.random((5, 2, 2)))
    points = viewer.add_points(rng.random((70, 2)), symbol="square", features={"a": np.arange(70)})
    set_point_colors(points, points.features["a"], title="a")
    show(again, saved(viewer, tmp_path))
    compare(viewer, again)


def test_files_that_moved_are_all_named_and_found_again(
    viewer: ViewerModel, file: Path, slide: anndata.AnnData, again: ViewerModel, tmp_path: Path
) -> None:
    other = file.with_name("C2.h5ad")
    slide.write_h5ad(other)
    add(viewer, file)
    add(viewer, other)
    folder = saved(viewer, tmp_path)
    elsewhere = tmp_path / "disk" / "slides"
    elsewhere.mkdir(parents=True)
    for one in (file, other):
        shutil.move(one, elsewhere / one.name)
    with pytest.raises(MovedError, match=r"2 files missing: C5.h5ad, C2.h5ad") as raised:
        read_session(folder)
    moved = locate(raised.value.missing, tmp_path / "disk")
    assert show(again, folder, moved=moved) == [] and len(again.layers) == 4
    assert workspace_of(again).at(elsewhere / "C5.h5ad") is not None


def test_a_session_that_moved_with_its_files_opens(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    folder = saved(viewer, file.parent)
    shutil.move(file.parent, tmp_path / "usb")
    assert show(again, tmp_path / "usb" / folder.name) == []
    compare(viewer, again)


def test_files_that_changed_are_said(
    viewer: ViewerModel, file: Path, slide: anndata.AnnData, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    folder = saved(viewer, tmp_path)
    slide[:20].copy().write_h5ad(file)
    notes = show(again, folder)
    assert "C5.h5ad now holds different cells or spots" in notes[0]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / MARK).write_text('{"format": 1'), "damaged: session.json cannot be read"),
        (lambda f: (f / MARK).write_text('{"format": 1}'), "session.json is incomplete"),
        (lambda f: (f / "arrays.h5").unlink(), "arrays.h5 is missing"),
        (lambda f: (f / "arrays.h5").write_bytes(b"no"), "damaged"),
        (lambda f: (f / MARK).unlink(), "found none"),
        (
            lambda f: (f / MARK).write_text((f / MARK).read_text().replace('mat": 1', 'mat": 2')),
            "format 1 or earlier, found 2",
        ),
    ],
)
def test_a_damaged_or_newer_session_is_refused_in_words(
    spoil: Any, said: str, viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    folder = saved(viewer, tmp_path)
    spoil(folder)
    with pytest.raises(InputError, match=said):
        show(again, folder)
    assert not len(again.layers)


def test_landmarks_that_are_not_applied_are_kept(
    viewer: ViewerModel, again: ViewerModel, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    cells = anndata.AnnData(rng.poisson(2.0, (80, 4)).astype(np.float32))
    cells.obs_names = [f"cell{i}" for i in range(80)]
    cells.obsm["spatial"] = rng.uniform(0, 300, (80, 2))
    cells.obsm["X_layout"] = np.array(cells.obsm["spatial"])
    cells.uns["spatialrecon"] = {"unit": "um", "um_per_unit": 1.0}
    layer = viewer.add_layer(Layer.create(*cells_layer(cells, name="cells")))
    session = LandmarksSession(viewer, layer, None)
    session.model.changed.connect(session.remember)
    for cell in (0, 20, 45, 60):
        session.model.set_place(cell, session.model.start[cell] + 50.0)
    session.model.set_hard(1, False, 7.0)
    session.model.enable(3, False)
    session.show()
    (note,) = show(again, saved(viewer, tmp_path))
    assert note == "cells: 4 landmarks are set; Landmarks shows them."
    assert [one.name for one in again.layers] == ["cells"], "marks are drawn anew"
    resumed = LandmarksSession(again, again.layers["cells"], None)
    assert resumed.model.marks == session.model.marks
    np.testing.assert_allclose(resumed.model.places, session.model.places)
    np.testing.assert_allclose(again.layers["cells"].data, layer.data)


def test_pairs_that_are_not_applied_are_kept(
    viewer: ViewerModel, file: Path, again: ViewerModel, tmp_path: Path
) -> None:
    add(viewer, file)
    image, layer = viewer.layers
    session = AlignSession(viewer, layer, image)
    session.model.changed.connect(session.remember)
    places = session.model.points[[0, 7, 22]]
    session.model.set_pairs(
        tuple(Pair((x, y), (0.9 * x + 5.0, 0.95 * y + 5.0)) for x, y in places.tolist())
    )
    session.show()
    assert not np.allclose(session.model.moved, session.model.points)
    (note,) = show(again, saved(viewer, tmp_path))
    assert "3 landmarks are set; Align to histology" in note
    image, moved = again.layers
    np.testing.assert_allclose(moved.data, layer.data)
    resumed = AlignSession(again, moved, image)
    resumed.show()
    assert resumed.model.pairs == session.model.pairs
    np.testing.assert_allclose(resumed.model.points, session.model.points)
    np.testing.assert_allclose(moved.data, layer.data, atol=1e-6)


@pytest.mark.parametrize("at", ["packing._write_array", "table_files._write", "saving.dump_json"])
def test_a_full_disk_leaves_the_old_session(
    at: str, viewer: ViewerModel, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(viewer, file)
    folder = saved(viewer, tmp_path)
    before = (folder / MARK).read_bytes()
    viewer.add_points(np.random.default_rng(0).random((500, 2)))
    table_of(viewer.layers[1]).obs["mine"] = 1.0

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"napari_spatialrecon.viewer.session.{at}", full)
    with pytest.raises(InputError, match="the disk full"):
        write_session(take(viewer), folder)
    assert (folder / MARK).read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "mine.spatialrecon"]


def test_other_folders_are_not_replaced(viewer: ViewerModel, tmp_path: Path) -> None:
    folder = tmp_path / "photos.spatialrecon"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="other files"):
        write_session(take(viewer), folder)
    assert [p.name for p in folder.iterdir()] == ["cat.jpg"]


def test_saving_stops_when_asked(viewer: ViewerModel, file: Path, tmp_path: Path) -> None:
    add(viewer, file)
    with pytest.raises(Stopped):
        write_session(take(viewer), tmp_path / "a", should_stop=lambda: True)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_what_a_layer_has_already_is_not_set_again() -> None:
    layer = Image(np.zeros((4, 4)), scale=(2.0, 3.0), rotate=30, affine=np.diag([2.0, 2.0, 1.0]))
    set_again: list[str] = []
    layer.events.connect(lambda event: set_again.append(event.type))
    state = layer._get_state()
    one = LayerRead(layer, {"is_ours": False, "colorbar": False}, state, None, None)
    at_once(_settling(ViewerModel(), one))
    assert not {"scale", "translate", "rotate", "shear", "affine", "visible"} & set(set_again)
    state["scale"] = (2.0, 4.0)
    at_once(_settling(ViewerModel(), one))
    assert tuple(layer.scale) == (2.0, 4.0) and "scale" in set_again
