"""Shared fixtures."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
def an_idle_machine_without_earlier_runs(tmp_path_factory, monkeypatch):
    """Expected times depend on neither the speed, the load nor the earlier runs of the machine."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setattr("napari_spatialrecon.pace._settings", lambda: folder)
    seal = "napari_spatialrecon.viewer.session.seal.key_file"
    monkeypatch.setattr(seal, lambda: folder / "session.key")
    monkeypatch.setattr("napari_spatialrecon.pace._machine", lambda: 1.0)
    monkeypatch.setattr("napari_spatialrecon.pace._busy", lambda: 1.0)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of what a server has: nine spots, one of them without counts, and their H&E."""
    from napari_spatialrecon.tissue import downloads
    from napari_spatialrecon.tissue.downloads import Dataset
    from napari_spatialrecon.tissue.published import Section

    folder = tmp_path / "published"
    folder.mkdir()
    spots = ["x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected"]
    counts = ["\tERBB2\tCD3E"]
    for x in range(3):
        for y in range(3):
            spots.append(f"{x}\t{y}\t{x}.0\t{y}.0\t{100 + 400 * x}\t{50 + 400 * y}\t1")
            if (x, y) != (2, 2):
                counts.append(f"{x}x{y}\t{x}\t{y}")
    (folder / "A.tsv.gz").write_bytes(gzip.compress("\n".join(counts).encode(), mtime=0))
    (folder / "A_selection.tsv").write_text("\n".join(spots))
    Image.fromarray(np.full((60, 3000, 3), 200, np.uint8)).save(folder / "A.jpg")
    names = ("A.tsv.gz", "A_selection.tsv", "A.jpg")
    hashed = [(n, hashlib.sha256((folder / n).read_bytes()).hexdigest()) for n in names]
    known = {"mine": Dataset("http://127.0.0.1:1", "Somebody", {"A": Section(*hashed)})}
    monkeypatch.setattr(downloads, "DATASETS", known)
    return folder
