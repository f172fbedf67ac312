from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue import read
from napari_spatialrecon.viewer.workspace import opening
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

PLUGIN = "napari-spatialrecon"


@pytest.fixture
def viewer(make_napari_viewer: Any, forgetful: Any) -> Any:
    made = make_napari_viewer()
    forgetful(made)
    notification_manager.records.clear()  # of other tests
    return made


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The thread that each table was read in."""
    seen: list[threading.Thread] = []
    plain = read.read_with

    def heard(path: Any, options: Any, **more: Any) -> anndata.AnnData:
        seen.append(threading.current_thread())
        return plain(path, options, **more)

    monkeypatch.setattr(read, "read_with", heard)
    return seen


def drop(viewer: Any, *paths: Path) -> None:
    """What a drop and File > Open end in."""
    viewer.window._qt_viewer._qt_open([str(p) for p in paths], stack=False, plugin=PLUGIN)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_dropped_files_are_read_in_the_background_and_come_in_order(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, readers: Any, qtbot: Any
) -> None:
    for name in ("C5", "C2"):
        slide.write_h5ad(tmp_path / f"{name}.h5ad")
    drop(viewer, tmp_path / "C5.h5ad", tmp_path / "C2.h5ad")
    assert names(viewer) == [], "the window was not held up"
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=20_000)
    assert names(viewer) == ["C5 H&E", "C5 spots", "C2 H&E", "C2 spots"]
    assert len(readers) == 2 and threading.main_thread() not in readers


@pytest.mark.parametrize(("many", "in_turns"), [(5, True), (50_000, False)])
def test_the_layers_of_a_large_slide_come_in_turns_of_their_own_and_the_last_is_selected(
    many: int,
    in_turns: bool,
    viewer: Any,
    slide: anndata.AnnData,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "MANY", many)
    for name in ("C5", "C2"):
        slide.write_h5ad(tmp_path / f"{name}.h5ad")
    log: list[str] = []

    def hear(event: Any) -> None:
        log.append(event.value.name)
        QTimer.singleShot(0, lambda: log.append("turn"))

    viewer.layers.events.inserted.connect(hear)
    drop(viewer, tmp_path / "C5.h5ad", tmp_path / "C2.h5ad")
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=20_000)
    assert names(viewer) == ["C5 H&E", "C5 spots", "C2 H&E", "C2 spots"]
    between = log[log.index("C5 H&E") + 1 : log.index("C5 spots")]
    assert between == ["turn"] * in_turns
    last = viewer.layers["C2 spots"]
    qtbot.waitUntil(lambda: viewer.layers.selection.active is last, timeout=5_000)
    assert viewer.layers.selection == {last}


@pytest.mark.parametrize("many", [5, 50_000])
def test_the_next_file_opens_where_layers_of_the_one_before_cannot_be_shown(
    many: int,
    viewer: Any,
    slide: anndata.AnnData,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "MANY", many)
    plain, asked = opening.show_tissue, []

    def once(viewer: Any) -> None:
        asked.append(viewer)
        if len(asked) == 1:
            raise InputError("Expected an extent, found none.")
        plain(viewer)

    monkeypatch.setattr(opening, "show_tissue", once)
    for name in ("C5", "C2"):
        slide.write_h5ad(tmp_path / f"{name}.h5ad")
    drop(viewer, tmp_path / "C5.h5ad", tmp_path / "C2.h5ad")
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=20_000)
    assert "C2 spots" in names(viewer)
    assert any("Expected an extent" in str(r.message) for r in notification_manager.records)


def test_a_script_gets_its_layers_at_once(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, readers: Any
) -> None:
    slide.write_h5ad(tmp_path / "C5.h5ad")
    layers = viewer.open(str(tmp_path / "C5.h5ad"), plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["C5 H&E", "C5 spots"] == names(viewer)
    assert readers == [threading.main_thread()]


def test_the_same_file_dropped_twice_stays_one(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, readers: Any, qtbot: Any
) -> None:
    slide.write_h5ad(tmp_path / "C5.h5ad")
    drop(viewer, tmp_path / "C5.h5ad", tmp_path / "C5.h5ad")
    qtbot.waitUntil(lambda: _said("is already open"), timeout=20_000)
    assert len(viewer.layers) == 2 and len(readers) == 1
    drop(viewer, tmp_path / "C5.h5ad")
    assert len(viewer.layers) == 2 and len(readers) == 1


def test_a_dropped_record_stands_for_the_result_beside_it(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, readers: Any, qtbot: Any
) -> None:
    slide.write_h5ad(tmp_path / "C5.h5ad")
    for name in ("alone", "C5"):
        (tmp_path / f"{name}.run.json").write_text("{}")
    drop(viewer, tmp_path / "alone.run.json", tmp_path / "C5.run.json", tmp_path / "C5.h5ad")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    assert len(readers) == 1 and not _said("is already open")
    assert _said("alone.h5ad or alone.zarr")
    drop(viewer, tmp_path / "C5.run.json")
    assert _said("is already open") and len(viewer.layers) == 2


def test_dropped_cells_without_place_are_listed(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, qtbot: Any
) -> None:
    del slide.obsm["spatial"]
    slide.write_h5ad(tmp_path / "batch 1.h5ad")
    drop(viewer, tmp_path / "batch 1.h5ad")
    space = workspace_of(viewer)
    qtbot.waitUntil(lambda: len(space.of_role(Role.QUERY)) == 1, timeout=20_000)
    assert space.named("batch 1").path == tmp_path / "batch 1.h5ad" and not viewer.layers


def test_a_damaged_file_says_so_and_the_next_one_opens(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, qtbot: Any
) -> None:
    for name in ("cut", "C5"):
        slide.write_h5ad(tmp_path / f"{name}.h5ad")
    with h5py.File(tmp_path / "cut.h5ad", "r+") as file:
        del file["X"].attrs["encoding-type"], file["obs"].attrs["_index"]
    drop(viewer, tmp_path / "cut.h5ad", tmp_path / "C5.h5ad")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    assert _said("cut.h5ad") and names(viewer) == ["C5 H&E", "C5 spots"]


def _said(words: str) -> bool:
    return any(words in record.message for record in notification_manager.records)


def test_a_scale_that_sources_disagree_on_is_told_in_the_window(
    viewer: Any, slide: anndata.AnnData, tmp_path: Path, qtbot: Any
) -> None:
    del slide.uns["spatial"]["C5"]["metadata"]["um_per_fullres_px"]
    slide.uns["spatial"]["C5"]["scalefactors"]["spot_diameter_fullres"] = 70 / 0.5
    row, column = np.divmod(np.arange(30), 5)
    column = 2 * column + row % 2
    slide.obs["array_row"], slide.obs["array_col"] = row, column
    slide.obsm["spatial"] = np.column_stack([50.0 * column, 87.0 * row]) / 0.5
    slide.write_h5ad(tmp_path / "C5.h5ad")
    drop(viewer, tmp_path / "C5.h5ad")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    told = notification_manager.records[-1].message
    assert "by the array's pitch of 100 µm (Visium)" in told and "(-7%)" in told
    np.testing.assert_allclose(viewer.layers["C5 spots"].size, 55.0)
    entry = workspace_of(viewer).named("C5 spots")
    assert entry is not None and "spot_diameter_fullres" in entry.notes[0]
