"""Remedies of task widgets and of the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points

import napari_spatialrecon as sr
from napari_spatialrecon.viewer.place.model import PlaceModel
from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.super_resolve.model import SuperModel
from napari_spatialrecon.viewer.task import subprocess_run
from napari_spatialrecon.viewer.train_encoder.model import EncoderModel
from napari_spatialrecon.viewer.window.face import Window
from napari_spatialrecon.viewer.workspace import opening
from napari_spatialrecon.viewer.workspace.reading import Opened
from napari_spatialrecon.viewer.workspace.regions import mark_regions
from napari_spatialrecon.viewer.workspace.workspace import Role
from napari_spatialrecon.viewer.writer import write_points
from remedies.cases import Step
from remedies.of_images import stained
from remedies.of_tissue import table
from remedies.of_viewer import raising, shown

FACE = Window()
ALIGN, MARKS = "viewer/align/layers.py", "viewer/landmarks/model.py"


# Tasks


def widget_of(show: Callable[..., None]) -> tuple[Callable[[str], None], list[str]]:
    """Return `show_gene` of a widget without its window, and the genes it has shown."""
    seen: list[str] = []
    adata = table()
    genes = SimpleNamespace(
        gene=SimpleNamespace(show_name=lambda _: None), show_gene=lambda *_, **__: None
    )
    outcome = SimpleNamespace(
        adata=adata,
        genes=[*adata.var_names],
        sentence=lambda _: "",
        measured=lambda _: None,
    )
    fake = SimpleNamespace(
        layers=SimpleNamespace(outcome=outcome, gene="Gene1", show=seen.append, main=None),
        panel=SimpleNamespace(refuse=raising, notice=SimpleNamespace(clear=lambda: None)),
        genes=genes,
        layer=None,
        _tell=lambda _: None,
    )
    return lambda gene: show(fake, gene), seen


IN_LIST = "Try typing part of its name, or run again with it in the list."


@shown("viewer/impute_genes/widget.py", IN_LIST)
def _imputed() -> Iterator[Step]:
    from napari_spatialrecon.viewer.impute_genes.widget import ImputeGenes

    show, seen = widget_of(ImputeGenes.show_gene)
    yield lambda: show("magic")
    yield lambda: (show("Gene3"), seen.index("Gene3"))


@shown("viewer/super_resolve/widget.py", IN_LIST)
def _split() -> Iterator[Step]:
    from napari_spatialrecon.viewer.super_resolve.widget import SuperResolve

    show, seen = widget_of(SuperResolve.show_gene)
    yield lambda: show("magic")
    yield lambda: (show("Gene3"), seen.index("Gene3"))


@shown("viewer/super_resolve/inputs.py", "Try 55.")
def _diameter() -> Iterator[Step]:
    from napari_spatialrecon.viewer.super_resolve.inputs import SuperInputs

    def typed(text: str) -> float | None:
        model = SimpleNamespace(diameter_um=None)
        fake = SimpleNamespace(
            diameter=SimpleNamespace(text=lambda: text),
            failed=SimpleNamespace(emit=raising),
            model=model,
        )
        SuperInputs._set_diameter(fake)
        return model.diameter_um

    said = yield lambda: typed("wide")

    def follow() -> None:
        assert typed(str(said)[4:-1]) == 55.0

    yield follow


@shown("viewer/super_resolve/job.py", "Try a slide with its image, or run without the guide.")
def _guide(space: Any) -> Iterator[Step]:
    made = SuperModel(space)
    made.method = "bilinear"
    job = made.begin()
    bare = job.slide.adata.copy()
    del bare.uns["spatial"]
    without = replace(job, slide=replace(job.slide, adata=bare), guided=True)
    yield without._histology
    yield lambda: (
        replace(without, guided=False)._histology(),
        replace(job, guided=True)._histology(),
    )


def place(space: Any) -> PlaceModel:
    made = PlaceModel(space)
    made.method = "knn"
    return made


@shown("viewer/place/job.py", "Try opening that slide, or train a new model.")
def _unknown_slide(space: Any, tiny: Any, tmp_path: Path) -> Iterator[Step]:
    job = place(space).job()
    sr.train({"elsewhere": tiny.slides[0]}, method="knn").save(tmp_path / "other")
    sr.train({job.shown().name: tiny.slides[0]}, method="knn").save(tmp_path / "own")
    yield lambda: job._check_model(tmp_path / "other")
    yield lambda: job._check_model(tmp_path / "own")


@shown("viewer/place/model.py", "Try a reference under Histology.")
def _no_histology(space: Any, viewer: Any) -> Iterator[Step]:
    made = place(space)
    scan = viewer.add_image(stained(), name="scan", rgb=True)
    for name in ("cortex 1 H&E", "cortex 2 H&E"):
        viewer.layers.remove(name)
    made.image = space.of_layer(scan)

    def follow() -> None:
        made.image = made.references[0]
        made.job()

    yield made.job
    yield follow


@shown("viewer/place/model.py", "Try entering it below.")
def _scan(space: Any, viewer: Any) -> Iterator[Step]:
    made = place(space)
    scan = viewer.add_image(stained(), name="scan", rgb=True)
    made.image = space.of_layer(scan)

    def follow() -> None:
        space.set_scale(space.of_layer(scan), "0.5")
        made.job()

    yield made.job
    yield follow


@shown("viewer/task/gene_list_model.py", "Try typing part of the name and choosing from the list.")
def _genes(space: Any) -> Iterator[Step]:
    made = SuperModel(space)
    yield lambda: made.add_genes("magic")
    yield lambda: made.add_genes(made.names[0])


@shown("viewer/task/model.py", "Try Cancel first.")
def _running(space: Any) -> Iterator[Step]:
    from napari_spatialrecon.errors import Stopped

    made = place(space)
    made.begin()
    yield made.begin
    yield lambda: (made.fail(Stopped()), made.begin())


@shown("viewer/task/subprocess_run.py", "Try Details, which shows everything it printed.")
def _details() -> Iterator[Step]:
    from napari_spatialrecon.errors import SpatialReconError
    from napari_spatialrecon.viewer.window.notify import details

    error = subprocess_run._error(1, ["first line", "last line"], asked=False)
    yield lambda: raising(error)

    def follow() -> None:
        assert isinstance(error, SpatialReconError) and "first line" in details(error)

    yield follow


@shown("viewer/train_encoder/model.py", "Try a folder that Save encoder… has written.")
def _encoder(space: Any, encoder: Any, tmp_path: Path) -> Iterator[Step]:
    encoder.save(tmp_path / "encoder")
    made = EncoderModel(space)
    yield lambda: made.load(tmp_path)
    yield lambda: made.load(tmp_path / "encoder")


# Workspace


def cells_file(folder: Path) -> Path:
    adata = table()
    del adata.obsm["spatial"]
    adata.write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


@shown("viewer/reader.py", 'Try it in a viewer, under "Cells" of Place cells.')
def _no_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    from napari.components import ViewerModel

    path, model = cells_file(tmp_path), ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    yield lambda: read(str(path))

    def follow() -> None:
        monkeypatch.setattr("napari.current_viewer", lambda: model)
        read(str(path))

    yield follow


@shown("viewer/workspace/opening.py", "Try it under Cells.")
def _cells_as_slide(viewer: Any, space: Any, tmp_path: Path) -> Iterator[Step]:
    path = cells_file(tmp_path)
    opened = Opened(sr.read_adata(path), [])
    yield lambda: opening._as_role(viewer, opened, path, Role.SLIDE)
    yield lambda: opening._as_role(viewer, opened, path, Role.QUERY)


@shown("viewer/workspace/regions.py", "Try opening the slide first.")
def _no_slide(viewer: Any, tmp_path: Path) -> Iterator[Step]:
    from remedies.of_alignments import geojson

    path = geojson(tmp_path)
    table().write_h5ad(tmp_path / "s.h5ad")
    yield lambda: mark_regions(viewer, path)

    def follow() -> None:
        for layer in read(str(tmp_path / "s.h5ad")):
            viewer.add_layer(Layer.create(*layer))
        mark_regions(viewer, path)

    yield follow


@shown("viewer/workspace/workspace.py", "Try 0.5, which is common for a scan at 20×.")
def _um(viewer: Any, space: Any) -> Iterator[Step]:
    entry = space.adopt(viewer.add_image(stained(), name="scan", rgb=True))
    said = yield lambda: space.set_scale(entry, "half")
    yield lambda: space.set_scale(entry, str(said).split()[1].strip(","))


@shown("viewer/workspace/workspace.py", "Try one plane of it, or a points layer.")
def _other_layer(viewer: Any, space: Any) -> Iterator[Step]:
    yield lambda: space.adopt(Labels(np.zeros((5, 5), int)))
    plane = Image(np.zeros((5, 5)), name="plane")
    yield lambda: (space.adopt(plane), space.adopt(Points(np.zeros((3, 2)), name="points")))


@shown("viewer/writer.py", "Try {}.")
def _suffix(tmp_path: Path) -> Iterator[Step]:
    data = np.random.default_rng(0).uniform(0, 9, (5, 2))
    said = yield lambda: write_points(str(tmp_path / "a.tsv"), data, {})
    yield lambda: write_points(str(tmp_path / str(said)[4:-1]), data, {})


@shown(
    "viewer/workspace/record_files.py",
    "Try dropping the result itself: its record is read with it.",
)
def _record_alone(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.viewer.workspace.record_files import result_of

    (tmp_path / "C5.run.json").write_text("{}")
    yield lambda: result_of(tmp_path / "C5.run.json")
    (tmp_path / "C5.h5ad").touch()
    yield lambda: result_of(tmp_path / "C5.h5ad")
