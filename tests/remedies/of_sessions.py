"""Remedies of results and sessions that are opened again, followed without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anndata import AnnData
from napari.components import ViewerModel

from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tasks.super_result import stored_parts
from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.session import manifest, seal
from napari_spatialrecon.viewer.session.manifest import MARK, MovedError
from napari_spatialrecon.viewer.session.reading import locate, read_session
from napari_spatialrecon.viewer.session.saving import write_session
from napari_spatialrecon.viewer.session.snapshot import take
from remedies.cases import Step
from remedies.of_tissue import table
from remedies.of_viewer import shown

MANIFEST = "viewer/session/manifest.py"


def saved(tmp_path: Path) -> Path:
    """Return the session of an empty viewer."""
    folder = tmp_path / "mine.spatialrecon"
    write_session(take(ViewerModel()), folder)
    return folder


@shown("tasks/super_result.py", "Try a result of super-resolve.")
def _not_split(tiny: Any) -> Iterator[Step]:
    slide: AnnData = tiny.slides[0]
    yield lambda: stored_parts(slide)
    yield lambda: stored_parts(super_resolve(slide, "2x2", method="bilinear").adata)


@shown("viewer/reader.py", "Try opening it in napari.")
def _no_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    folder, viewer = saved(tmp_path), ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    yield lambda: read(str(folder))

    def follow() -> None:
        monkeypatch.setattr("napari.current_viewer", lambda: viewer)
        read(str(folder))

    yield follow


@shown(MANIFEST, "Try Locate…, and choose the folder that holds them now.")
def _moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    (tmp_path / "old").mkdir()
    table().write_h5ad(tmp_path / "old" / "slide.h5ad")
    for layer in read(str(tmp_path / "old" / "slide.h5ad")):
        viewer._add_layer_from_data(*layer)
    folder = tmp_path / "kept" / "mine.spatialrecon"
    write_session(take(viewer), folder)
    shutil.move(tmp_path / "old", tmp_path / "new")
    yield lambda: read_session(folder)

    def follow() -> None:
        try:
            read_session(folder)
        except MovedError as error:
            read_session(folder, locate(error.missing, tmp_path / "new"))

    yield follow


@shown(MANIFEST, 'Try the folder that "Save session…" wrote.')
def _no_session(tmp_path: Path) -> Iterator[Step]:
    (tmp_path / "other").mkdir()
    yield lambda: read_session(tmp_path / "other")
    yield lambda: read_session(saved(tmp_path))


@shown(MANIFEST, "Try updating napari-spatialrecon.")
def _newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    folder = saved(tmp_path)
    text = (folder / MARK).read_text()
    (folder / MARK).write_text(text.replace('"format": 1', '"format": 2'))
    yield lambda: read_session(folder)

    def follow() -> None:
        monkeypatch.setattr(manifest, "FORMAT", 2)
        read_session(folder)

    yield follow


@shown(MANIFEST, "Try a copy of its folder.")
def _cut(tmp_path: Path) -> Iterator[Step]:
    folder, copy = saved(tmp_path), tmp_path / "copy"
    shutil.copytree(folder, copy)
    (folder / MARK).write_text("{")
    yield lambda: read_session(folder)
    yield lambda: read_session(copy)


@shown(MANIFEST, "Try opening it in the window and choosing Open, if you trust who made it.")
def _of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    viewer, folder = ViewerModel(), tmp_path / "kept" / "mine.spatialrecon"
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    table().write_h5ad(tmp_path / "slide.h5ad")
    for layer in read(str(tmp_path / "slide.h5ad")):
        viewer._add_layer_from_data(*layer)
    write_session(take(viewer), folder)
    monkeypatch.setattr(seal, "key_file", lambda: tmp_path / "another.key")
    yield lambda: read_session(folder)
    yield lambda: read_session(folder, trusted=True)


@shown("viewer/session/saving.py", "Try {}.")
def _other_files(tmp_path: Path) -> Iterator[Step]:
    folder = tmp_path / "photos.spatialrecon"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"")
    taken = take(ViewerModel())
    said = yield lambda: write_session(taken, folder)
    yield lambda: write_session(taken, Path(str(said).removeprefix("Try ").removesuffix(".")))
