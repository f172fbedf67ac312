"""Remedies of tasks, of their results, of training and of what is saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon import storage
from napari_spatialrecon.tasks import (
    aligning,
    alignment_files,
    exporting,
    registering,
    resuming,
    saved,
    writing,
)
from napari_spatialrecon.tasks.communities import mark_communities
from napari_spatialrecon.tasks.configs import chosen_config
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tissue.landmarks import read_landmarks
from remedies.cases import Step, execute, keywords, remedy, written
from remedies.of_images import stained
from remedies.of_tissue import table

EVALUATE = "evaluation/evaluate.py"
RNG = np.random.default_rng(0)


# Aligning


def with_image(**uns: Any) -> AnnData:
    library = {"images": {"hires": stained()}, "scalefactors": {"tissue_hires_scalef": 0.4}}
    return table(40, spatial={"A": library}, **uns)


@remedy("tasks/aligning.py", "Try {} with a slide that has one.")
def _no_image() -> Iterator[Step]:
    yield lambda: sr.align_by_outline(table(40))
    yield lambda: sr.align_by_outline(table(40), ref=with_image())


CORNERS = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [90.0, 80.0]])


def aligned(**more: Any) -> AnnData:
    return sr.align_by_landmarks(table(), CORNERS * 2, CORNERS, **more).adata


@remedy("tasks/aligning.py", "Try a file that 'spatialrecon align' wrote.")
def _not_aligned() -> Iterator[Step]:
    yield lambda: aligning.apply_alignment(table(), table())
    yield lambda: aligning.apply_alignment(table(), aligned())


TO_ALIGN = "Try a table that 'spatialrecon align' or Align to histology wrote."


@remedy("tasks/alignment_files.py", TO_ALIGN)
def _nothing_to_write(tmp_path: Path) -> Iterator[Step]:
    yield lambda: alignment_files.write_alignment(table(), tmp_path / "a.csv")
    yield lambda: alignment_files.write_alignment(aligned(), tmp_path / "a.csv")


def elements() -> Any:
    spatialdata = pytest.importorskip("spatialdata")
    from spatialdata.models import PointsModel, ShapesModel

    places = table().obsm["spatial"]
    return spatialdata.SpatialData(
        points={"marks": PointsModel.parse(places)},
        shapes={"spots": ShapesModel.parse(places, geometry=0, radius=1.0)},
    )


@remedy("tasks/exporting.py", TO_ALIGN)
def _nothing_to_export() -> Iterator[Step]:
    sdata = elements()
    yield lambda: exporting.set_alignment(sdata, table(), "spots")
    yield lambda: exporting.set_alignment(sdata, aligned(), "spots")


@remedy("tasks/exporting.py", "Try model affine, which any element can hold.")
def _bent_points() -> Iterator[Step]:
    sdata = elements()
    yield lambda: exporting.set_alignment(sdata, aligned(model="thin-plate"), "marks")
    yield lambda: exporting.set_alignment(sdata, aligned(model="affine"), "marks")


# Placing


@remedy("tasks/communities.py", 'Try a file that "spatialrecon place" wrote.')
def _no_positions(placed: AnnData) -> Iterator[Step]:
    cells = table()
    del cells.obsm["spatial"]
    yield lambda: mark_communities(cells)
    yield lambda: mark_communities(placed)


@remedy("tasks/configs.py", 'Try config("{}").')
def _config() -> Iterator[Step]:
    from napari_spatialrecon.methods.registry import find_method

    info = find_method("gears", "place")
    said = yield lambda: chosen_config(info, sr.config("dpvae"), None)
    yield lambda: chosen_config(info, execute(str(said), config=sr.config), None)


@remedy("tasks/configs.py", "Try one of {}.")
def _config_method() -> Iterator[Step]:
    said = yield lambda: sr.config("magic")
    offered = str(said).removeprefix("Try one of ").removesuffix(".").split(", ")

    def follow() -> None:
        from napari_spatialrecon.methods.registry import METHODS

        for name in offered:
            task = next(info.tasks[0] for info in METHODS if info.name == name)
            sr.config(name, task=task)

    yield follow


@remedy("tasks/configs.py", 'Try task="{}" ({}).')
def _config_task() -> Iterator[Step]:
    said = yield lambda: sr.config("knn")
    yield lambda: sr.config("knn", **keywords(str(said).partition(" (")[0]))


@remedy("tasks/drawing.py", "Try one of {}.")
def _color(placed: AnnData, tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: draw_placed(placed, tmp_path / "a.png", color="magic")
    offered = str(said).removeprefix("Try one of ").removesuffix(".").split(", ")
    yield lambda: draw_placed(placed, tmp_path / "a.png", color=offered[0])


def pairs(slide: AnnData, masks: Any, method: str = "dpvae") -> Any:
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.masking import masks_for
    from napari_spatialrecon.tissue.contract import prepare_slide

    return masks_for(find_method(method, "place"), masks, [prepare_slide(slide, "one")])


@remedy("tasks/masking.py", "Try {} without a model, or leave out {}.")
def _takes_masks(tiny: Any) -> Iterator[Step]:
    slide = tiny.slides[0]
    every = {"one": np.ones((slide.n_obs, slide.n_obs))}
    said = yield lambda: pairs(slide, every, "knn")
    taker = keywords(said)["method"]
    yield lambda: (pairs(slide, every, taker), pairs(slide, None, "knn"))


@remedy("tasks/masking.py", "Try {}.")
def _mask_of_no_slide(tiny: Any) -> Iterator[Step]:
    slide = tiny.slides[0]
    every = np.ones((slide.n_obs, slide.n_obs))
    said = yield lambda: pairs(slide, {"first": every})
    yield lambda: pairs(slide, {said.removeprefix("Try ").removesuffix("."): every})


@remedy("tasks/masking.py", "Try mask | mask.T.")
def _lopsided_mask(tiny: Any) -> Iterator[Step]:
    slide = tiny.slides[0]
    mask = np.triu(np.ones((slide.n_obs, slide.n_obs), bool))
    yield lambda: pairs(slide, {"one": mask})
    yield lambda: pairs(slide, {"one": mask | mask.T})


@remedy("tasks/transferring.py", "Try one of {}.")
def _metric_of_a_transfer() -> Iterator[Step]:
    from napari_spatialrecon.tasks.transferring import Transfer

    rows = [{"learned_from": a, "placed": b, "spearman": 0.5} for a in "ab" for b in "ab"]
    found = Transfer(pd.DataFrame(rows))
    said = yield lambda: found.matrix("swd")
    yield lambda: found.matrix(said.removeprefix("Try one of ").removesuffix("."))


@remedy("tasks/encoder_choice.py", "Try {} without a model, or leave out {}.")
def _encoder(tiny: Any, encoder: Any) -> Iterator[Step]:
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.encoder_choice import encoder_for

    said = yield lambda: encoder_for(find_method("knn", "place"), encoder, None)
    taker = keywords(str(said).partition(" or ")[0].partition(" without")[0])["method"]
    yield lambda: (
        encoder_for(find_method(taker, "place"), encoder, None),
        encoder_for(find_method("knn", "place"), None, None),
    )


@remedy("tasks/landmarking.py", "Try a result of Place cells, or a file that it saved.")
def _no_layout(placed: AnnData, tmp_path: Path) -> Iterator[Step]:
    text = "obs_name,x,y\n" + "".join(
        f"{name},{x},{y}\n" for name, (x, y) in zip(placed.obs_names[:3], CORNERS)
    )
    known = read_landmarks(written(tmp_path / "l.csv", text), list(placed.obs_names))
    bare = placed.copy()
    del bare.obsm["X_layout"]
    yield lambda: sr.move_by_landmarks(bare, known)
    yield lambda: sr.move_by_landmarks(placed, known)


@remedy("tasks/model.py", "Try {}.")
def _other_task(tiny: Any) -> Iterator[Step]:
    trained = sr.train({"one": tiny.slides[0]}, method="knn")
    said = yield lambda: trained.super_resolve(tiny.slides[0])
    yield lambda: eval(
        str(said)[4:-1].partition(" or ")[0].replace("...", "cells"),
        {"model": trained, "cells": tiny.cells},
    )


@remedy("tasks/placing_run.py", "Try other cells.")
def _empty_landmarks(tiny: Any) -> Iterator[Step]:
    cells = tiny.cells.copy()
    counts = cells.X.tolil()
    counts[5] = 0
    cells.X = counts.tocsr()

    def run(rows: list[int]) -> None:
        known = sr.Landmarks(np.array(rows), tiny.truth[["x", "y"]].to_numpy()[rows])
        quick = {"training.steps": 2, "members": 1}
        slides = {"one": tiny.slides[0]}
        sr.impute_locations(cells, known, references=slides, method="dpvae", settings=quick)

    yield lambda: run([5, 50, 150, 250])
    yield lambda: run([6, 50, 150, 250])


@remedy("tasks/placing.py", "Try without settings, or without {}.")
def _settings_and_model(tiny: Any) -> Iterator[Step]:
    slides = {"one": tiny.slides[0]}
    trained = sr.train(slides, method="knn")
    both = {"method": "knn", "settings": {"neighbours": 5}}
    yield lambda: sr.place({}, tiny.cells, model=trained, **both)
    yield lambda: (
        sr.place({}, tiny.cells, method="knn", model=trained),
        sr.place(slides, tiny.cells, **both),
    )


@remedy("tasks/placing_run.py", "Try {} with a slide.")
def _no_slide(tiny: Any) -> Iterator[Step]:
    yield lambda: sr.place({}, tiny.cells, method="knn")
    yield lambda: sr.place({"one": tiny.slides[0]}, tiny.cells, method="knn")


@remedy("tasks/placing_run.py", "Try {}.")
def _model_of(tiny: Any) -> Iterator[Step]:
    trained = sr.train({"one": tiny.slides[0]}, method="ridge")
    said = yield lambda: sr.place({}, tiny.cells, method="knn", model=trained)
    yield lambda: sr.place({}, tiny.cells, model=trained, **keywords(str(said)))


@remedy("tasks/placing_run.py", "Try one of {}.")
def _display(tiny: Any) -> Iterator[Step]:
    slides = {"one": tiny.slides[0]}
    said = yield lambda: sr.place(slides, tiny.cells, method="knn", display="two")
    name = str(said).removeprefix("Try one of ").removesuffix(".")
    yield lambda: sr.place(slides, tiny.cells, method="knn", display=name)


@remedy("tasks/registering.py", "Try {} with a reference that has an H&E image.")
def _shown() -> Iterator[Step]:
    slides = {"one": with_image()}
    yield lambda: registering.target_of(slides, "two", with_image())
    yield lambda: registering.target_of(slides, "one", with_image())


@remedy("tasks/registering.py", "Try a slide with its image.")
def _without_image() -> Iterator[Step]:
    slides = {"one": with_image()}
    yield lambda: registering.target_of(slides, "one", table())
    yield lambda: registering.target_of(slides, "one", with_image())


@remedy("tasks/resuming.py", "Try the folder named by the stopped run.")
def _not_stopped(tmp_path: Path) -> Iterator[Step]:
    resuming.begin(tmp_path / "run", {"seed": 0}, resume=False)
    yield lambda: resuming.begin(tmp_path / "other", {"seed": 0}, resume=True)
    yield lambda: resuming.begin(tmp_path / "run", {"seed": 0}, resume=True)


@remedy("tasks/resuming.py", "Try the same inputs and settings, or start again without resuming.")
def _stopped_otherwise(tmp_path: Path) -> Iterator[Step]:
    resuming.begin(tmp_path / "run", {"seed": 0}, resume=False)
    yield lambda: resuming.begin(tmp_path / "run", {"seed": 1}, resume=True)
    yield lambda: (
        resuming.begin(tmp_path / "run", {"seed": 0}, resume=True),
        resuming.begin(tmp_path / "run", {"seed": 1}, resume=False),
    )


@remedy("tasks/saved.py", "Try the folder that {} wrote.")
def _saved(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    sr.train({"one": tiny.slides[0]}, method="knn").save(tmp_path / "m")
    yield lambda: saved.model_info(tmp_path)
    yield lambda: saved.model_info(tmp_path / "m")


@remedy("tasks/saved.py", "Try another folder.")
def _unknown_method(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    sr.train({"one": tiny.slides[0]}, method="knn").save(tmp_path / "m")
    (tmp_path / "x").mkdir()
    written(tmp_path / "x" / storage.MANIFEST, json.dumps({"method": "magic"}))
    yield lambda: saved.model_info(tmp_path / "x")
    yield lambda: saved.model_info(tmp_path / "m")


@remedy("tasks/training.py", "Try without {}.")
def _start_from(tiny: Any) -> Iterator[Step]:
    slides = {"one": tiny.slides[0]}
    trained = sr.train(slides, method="knn")
    yield lambda: sr.train(slides, method="knn", start_from=trained)
    yield lambda: sr.train(slides, method="knn")


@remedy("tasks/training.py", "Try one of {}.")
def _trained() -> Iterator[Step]:
    from napari_spatialrecon.tasks.training import trained_ahead

    said = yield lambda: trained_ahead("nnls")
    offered = str(said).removeprefix("Try one of ").removesuffix(".").split(", ")
    yield lambda: [trained_ahead(name) for name in offered]


@remedy("tasks/super_training.py", "Try {}.")
def _generalist() -> Iterator[Step]:
    from napari_spatialrecon.tasks.super_training import train_super_resolution

    slide = table(64, 12)
    slide.obsm["spatial"] = np.c_[np.arange(64) % 8, np.arange(64) // 8] * 100.0
    said = yield lambda: train_super_resolution({"s": slide}, method="uniform")
    method = keywords(str(said).partition(" or ")[0])
    yield lambda: train_super_resolution({"s": slide}, settings={"training.steps": 2}, **method)


@remedy(
    "methods/srast/model.py",
    "Try {} with one that was trained with these settings, or {}.",
)
def _network_of_the_paper() -> Iterator[Step]:
    from napari_spatialrecon.tasks.super_training import train_super_resolution

    slide = table(64, 12)
    slide.obsm["spatial"] = np.c_[np.arange(64) % 8, np.arange(64) // 8] * 100.0
    size = {"hidden": 8, "heads": 2}
    said = yield lambda: sr.super_resolve(slide, method="srast", settings=size)
    preset = keywords(str(said).rpartition(" or ")[2])
    trained, _ = train_super_resolution({"s": slide}, settings={**size, "training.steps": 2})
    few = {"adapt.steps": 2, "sasa.training.steps": 2}
    yield lambda: sr.super_resolve(slide, method="srast", model=trained, settings=few)
    config = sr.config("srast", task="super-resolve", **preset, **{"sasa.training.steps": 2})
    yield lambda: sr.super_resolve(slide, method="srast", config=config)


@remedy("tasks/writing.py", "Try {}.")
def _suffix(tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: writing.write_result(tmp_path / "a.csv", table(), {})
    yield lambda: writing.write_result(tmp_path / str(said)[4:-1], table(), {})
