"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate

DATA = Path(
    os.environ.get(
        "SPATIALRECON_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"
    )
)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real tissue, or a skip that says why."""
    if not DATA.is_dir():
        pytest.skip(f"real tissue not found in {DATA}; set SPATIALRECON_DATA to its folder")
    return DATA


@pytest.fixture(scope="session")
def tiny():
    """A small simulated cortex: two slides in different poses, 400 cells, and the truth."""
    made = simulate("cortex", SimulatorConfig.preset("tiny"), seed=0)
    before = _content(made)
    yield made
    assert _content(made) == before, "a test changed the tissue that all tests share"


def _content(made):
    """What of a tissue a test may have changed: everything but counts and images."""
    return [
        (
            adata.obs.to_csv(),
            adata.var.to_csv(),
            sorted(adata.layers),
            {key: np.asarray(value).tobytes() for key, value in adata.obsm.items()},
            repr([{k: v for k, v in lib.items() if k != "images"} for lib in _libraries(adata)]),
            repr(adata.uns.get("spatialrecon")),
        )
        for adata in (*made.slides, made.cells)
    ]


def _libraries(adata):
    return adata.uns.get("spatial", {}).values()


@pytest.fixture(scope="session")
def tiny_folder(tiny, tmp_path_factory):
    """The same as files; nothing may change them."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.write(folder)
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--qt-only",
        action="store_true",
        help="run only the tests that need Qt, for a second binding",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--qt-only"):
        return
    of_qt = [item for item in items if {"qtbot", "qapp"} & {*getattr(item, "fixturenames", ())}]
    config.hook.pytest_deselected(items=[item for item in items if item not in of_qt])
    items[:] = of_qt


@pytest.fixture(autouse=True)
def no_earlier_runs(tmp_path_factory, monkeypatch):
    """Times of earlier runs are kept in a folder of the test, and none are known at its start."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setattr("napari_spatialrecon.pace.times_file", lambda: folder / "times.json")
