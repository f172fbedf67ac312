"""Slides of which only some have a known scale: said before the run, and mended on the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_spatialrecon.viewer.workspace.opening import open_in_turn
from napari_spatialrecon.viewer.workspace.workspace import Role


@pytest.fixture
def two_slides(tiny_folder: Path, tmp_path: Path) -> list[Path]:
    """Cells and two slides on disk, one of them without its scale."""
    paths = [tmp_path / name for name in ("with.h5ad", "without.h5ad", "cells.h5ad")]
    for path, name in zip(paths, ("section1", "section2", "cells"), strict=True):
        adata = anndata.read_h5ad(tiny_folder / f"{name}.h5ad")
        if path.stem == "without":
            adata.uns, adata.obs = {}, adata.obs[[]]
        adata.write_h5ad(path)
    return paths


def test_a_missing_scale_is_said_and_typed_on_the_card(
    make_napari_viewer: Any, forgetful: Any, two_slides: list[Path], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    space = forgetful(viewer)
    plugin = ("napari-spatialrecon", "Spatial Reconstruction")
    _, bench = viewer.window.add_plugin_dock_widget(*plugin)
    open_in_turn(viewer, two_slides)
    qtbot.waitUntil(lambda: len(bench.tabs["data"].cards) == 3, timeout=60_000)
    bench.pages.setCurrentWidget(bench.tabs["reconstruct"])
    place = bench.tabs["reconstruct"].current
    qtbot.waitUntil(lambda: "missing for without" in told(place), timeout=60_000)
    assert "Try µm per unit, here or on the card under Data, for those slides." in told(place)
    assert not place.panel.run_button.isEnabled()

    bench.pages.setCurrentWidget(bench.tabs["data"])
    (entry,) = (one for one in space.of_role(Role.SLIDE) if one.name.startswith("without"))
    field = bench.tabs["data"].cards[entry].scale
    assert field.isVisible()
    QTest.keyClicks(field, "0.5")
    QTest.keyClick(field, Qt.Key.Key_Return)
    bench.pages.setCurrentWidget(bench.tabs["reconstruct"])
    qtbot.waitUntil(place.panel.run_button.isEnabled, timeout=60_000)
    assert "missing" not in told(place)


def told(widget: Any) -> str:
    return " ".join(text for _, text in widget.panel.checks.lines)
