"""Fixtures of the viewer's tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.simulated import (
    list_simulated_cells,
    simulated_layers,
)
from napari_spatialrecon.viewer.workspace.workspace import Workspace, workspace_of

_status: list[int] = []


def pytest_sessionfinish(exitstatus: int) -> None:
    """Keep how the tests went."""
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave at once under PySide6, once everything is reported.

    Its own exit handler destroys what is left of Qt in no order, and crashes now and then.
    """
    if _status and "PySide6.QtWidgets" in sys.modules:
        from pytest_xvfb import shutdown_xvfb

        shutdown_xvfb()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1])


@pytest.fixture(autouse=True)
def modules_are_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave modules out of garbage collections: napari does one for each layer that is removed.

    Torch and what else is imported are most of a million objects. What a window leaves out, and
    lets in again where it was made by a test before, would undo that.
    """
    if len(sys.modules) != _frozen_at.get("modules"):
        gc.collect()
        gc.freeze()
        _frozen_at["modules"] = len(sys.modules)
    kept = SimpleNamespace(
        collect=lambda *generation: gc.collect(*generation),
        get_count=gc.get_count,
        get_threshold=gc.get_threshold,
        set_threshold=lambda *_: None,
        isenabled=gc.isenabled,
        disable=gc.disable,
        enable=gc.enable,
        freeze=lambda: None,
        unfreeze=lambda: None,
    )
    monkeypatch.setattr("napari_spatialrecon.viewer.window.garbage.gc", kept)


_frozen_at: dict[str, int] = {}


@pytest.fixture
def slide() -> anndata.AnnData:
    """A grid of spots with an H&E image, 0.5 µm a full-resolution pixel."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:6, :5]
    adata = anndata.AnnData(
        X=rng.poisson(2.0, (30, 4)).astype(np.float32),
        obs=pd.DataFrame(
            {"domain": pd.Categorical(rng.choice(["a", "b"], 30)), "score": rng.random(30)},
            index=[f"spot{i}" for i in range(30)],
        ),
    )
    adata.obsm["spatial"] = np.column_stack([x.ravel(), y.ravel()]) * 200.0 + 100.0
    adata.uns["spatial"] = {
        "C5": {
            "images": {"hires": rng.integers(0, 255, (60, 50, 3), np.uint8)},
            "scalefactors": {"spot_diameter_fullres": 130.0, "tissue_hires_scalef": 0.05},
            "metadata": {"um_per_fullres_px": 0.5},
        }
    }
    return adata


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ViewerModel]:
    """A viewer without Qt that is the current one."""
    model = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    yield model


@pytest.fixture(autouse=True)
def aside(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of sessions are kept here, not in the user's cache."""
    folder = tmp_path_factory.mktemp("aside")
    monkeypatch.setattr("napari_spatialrecon.viewer.session.keeper.autosave_home", lambda: folder)
    return folder


@pytest.fixture
def forgetful() -> Callable[[Any], Workspace]:
    """Gives a viewer a workspace that remembers nothing of other sessions."""

    def give(viewer: Any) -> Workspace:
        return workspace_of(viewer, memory=Memory({}))

    return give


@pytest.fixture
def open_tissue(tiny: Any, forgetful: Any) -> Callable[[Any], Workspace]:
    """Opens a tiny simulated cortex in a viewer: two slides with H&E, and cells to place."""

    def show(viewer: Any) -> Workspace:
        space = forgetful(viewer)
        own = replace(tiny, slides=[s.copy() for s in tiny.slides], cells=tiny.cells.copy())
        for layer in simulated_layers(own):
            viewer.add_layer(Layer.create(*layer))
        list_simulated_cells(viewer, own)
        return space

    return show


@pytest.fixture
def wheel_taken() -> Callable[[Any, int], bool]:
    """Turns the wheel over a widget, and tells whether it keeps that to itself."""

    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    def turn(widget: Any, angle: int) -> bool:
        at = QPointF(widget.rect().center())
        event = QWheelEvent(
            at,
            QPointF(widget.mapToGlobal(at.toPoint())),
            QPoint(),
            QPoint(0, angle),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)
        return event.isAccepted()

    return turn
