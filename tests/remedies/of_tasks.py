"""Remedies of tasks, of their results, of training and of what is saved."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon import storage
from napari_spatialrecon.errors import ChoiceError, Stopped
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics, gene_table
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures
from napari_spatialrecon.evaluation.palette import category_colors
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.evaluation.protocols import pseudo_visium
from napari_spatialrecon.evaluation.super_metrics import evaluate_super
from napari_spatialrecon.evaluation.type_maps import type_maps
from napari_spatialrecon.progress import Reporter
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
from napari_spatialrecon.tasks.deconvolving import read_shares
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tasks.gene_table import table_on_disk
from napari_spatialrecon.tissue.landmarks import read_landmarks
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.device import choose_device, limit_threads
from napari_spatialrecon.training.loop import train
from remedies.cases import Step, command, execute, keywords, remedy, written
from remedies.of_tissue import stained, table

EVALUATE = "evaluation/evaluate.py"
RNG = np.random.default_rng(0)


# Evaluation


@remedy(EVALUATE, 'Try a file that "spatialrecon place" wrote.')
def _not_placed(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    yield lambda: evaluate_place(truth, AnnData(truth.X, obs=truth.obs, var=truth.var))
    yield lambda: evaluate_place(truth, placed)


@remedy(EVALUATE, "Try adata.obs_names_make_unique() before placing.")
def _twice(truth: AnnData, tiny: Any) -> Iterator[Step]:
    cells = tiny.cells.copy()
    cells.obs_names = ["c"] * cells.n_obs
    again = truth.copy()
    again.obs_names = cells.obs_names
    said = yield lambda: evaluate_place(again, again)
    code = str(said).partition(" before")[0]

    def follow() -> None:
        execute(code, adata=cells)
        again.obs_names = cells.obs_names
        result = sr.place({"one": tiny.slides[0]}, cells, method="knn")
        evaluate_place(again, result.adata)

    yield follow


@remedy(EVALUATE, "Try the table from which the query was made; cell names must match.")
def _other_cells(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    other = truth.copy()
    other.obs_names = [f"other{i}" for i in range(other.n_obs)]
    yield lambda: evaluate_place(other, placed)
    yield lambda: evaluate_place(truth, placed)


MAPS = RNG.uniform(size=(20, 3))


@remedy("evaluation/gene_metrics.py", "Try maps over the same spots and genes.")
def _maps() -> Iterator[Step]:
    yield lambda: gene_metrics(MAPS, MAPS[:, :2])
    yield lambda: gene_metrics(MAPS, MAPS)


def imputed(adata: AnnData) -> AnnData:
    result = adata.copy()
    result.var["origin"] = "imputed"
    return result


@remedy("evaluation/gene_metrics.py", "Try the slide on which the genes were imputed.")
def _other_spots() -> Iterator[Step]:
    slide, other = table(), table()
    other.obs_names = [f"o{i}" for i in range(30)]
    yield lambda: gene_table(other, imputed(slide))
    yield lambda: gene_table(slide, imputed(slide))


@remedy("evaluation/gene_metrics.py", "Try a truth with measurements of the imputed genes.")
def _other_genes() -> Iterator[Step]:
    slide, other = table(), table()
    other.var_names = [f"O{i}" for i in range(8)]
    yield lambda: gene_table(other, imputed(slide))
    yield lambda: gene_table(slide, imputed(slide))


def mixed(prefix: str = "c") -> AnnData:
    adata = table()
    adata.obs_names = [f"{prefix}{i}" for i in range(30)]
    shares = RNG.dirichlet(np.ones(3), 30)
    adata.obsm["proportions"] = pd.DataFrame(shares, adata.obs_names, ["A", "B", "C"])
    return adata


@remedy("evaluation/mixture_metrics.py", "Try the slide that was deconvolved.")
def _other_slide() -> Iterator[Step]:
    yield lambda: evaluate_mixtures(mixed("o"), mixed())
    yield lambda: evaluate_mixtures(mixed(), mixed())


@remedy("evaluation/mixture_metrics.py", 'Try a file that "spatialrecon deconvolve" wrote.')
def _not_mixed() -> Iterator[Step]:
    cells = table()
    cells.obs["type"] = ["A", "B", "C"] * 10
    made = sr.deconvolve(table(), cells, "type", method="nnls").adata
    yield lambda: evaluate_mixtures(mixed(), table())
    yield lambda: evaluate_mixtures(mixed(), made)


@remedy("evaluation/palette.py", "Try omitting the palette to use the color-blind-safe one.")
def _palette() -> Iterator[Step]:
    yield lambda: category_colors(["a", "b"], [])
    yield lambda: category_colors(["a", "b"])


@remedy("evaluation/place_metrics.py", "Try only the cells present in both, in the same order.")
def _lengths() -> Iterator[Step]:
    places = RNG.uniform(size=(40, 2))
    yield lambda: place_metrics(places, places[:30])
    yield lambda: place_metrics(places[:30], places[:30])


@remedy(
    "evaluation/place_metrics.py",
    "Try only the placed cells, and report how many were not placed.",
)
def _unplaced() -> Iterator[Step]:
    places = RNG.uniform(size=(40, 2))
    lost = places.copy()
    lost[3] = np.nan
    kept = np.isfinite(lost).all(axis=1)
    yield lambda: place_metrics(places, lost)
    yield lambda: place_metrics(places[kept], lost[kept])


@remedy("evaluation/protocols.py", "Try a larger pitch or fewer cells per spot.")
def _pitch() -> Iterator[Step]:
    cells = table(60)
    yield lambda: pseudo_visium(cells, 5.0, min_cells=5)
    yield lambda: (pseudo_visium(cells, 250.0, min_cells=5), pseudo_visium(cells, 5.0, min_cells=1))


@remedy("evaluation/super_metrics.py", "Try tables in the same frame and unit.")
def _frames() -> Iterator[Step]:
    slide = table(36)
    slide.obsm["spatial"] = np.c_[np.arange(36) % 6, np.arange(36) // 6] * 100.0
    parts = sr.super_resolve(slide, "2x2", method="uniform").adata
    bins = parts.copy()
    away = bins.copy()
    away.obsm["spatial"] = bins.obsm["spatial"] * 0.01 + 1e5
    yield lambda: evaluate_super(away, parts)
    yield lambda: evaluate_super(bins, parts)


@remedy("evaluation/type_maps.py", "Try {}.")
def _types() -> Iterator[Step]:
    shares = mixed().obsm["proportions"]
    places = table().obsm["spatial"]
    said = yield lambda: type_maps(places, shares, types=["D"])
    offered = str(said)[4:-1].split(", ")
    yield lambda: type_maps(places, shares, types=offered)


# Errors and files


@remedy("errors.py", "Try {}.")
def _choice() -> Iterator[Step]:
    choices = ["one", "two"]

    def choose(library: str | None = None) -> None:
        if library not in choices:
            raise ChoiceError("libraries", "library", choices)

    said = yield choose
    yield lambda: choose(**keywords(str(said)))


@remedy("errors.py", "Resume from {}.")
def _stopped(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    """A run that is stopped on the command line says where to resume it."""
    tiny.write(tmp_path)
    words = ["place", "--method", "dpvae", "--reference", tmp_path / "section1.h5ad"]
    words += ["--query", tmp_path / "cells.h5ad", "--out", tmp_path / "o.h5ad"]
    words += ["--set", "training.steps=400", "--set", "members=1", "--progress", "none"]
    said = yield lambda: command(*words, stop_after=3)
    folder = str(said).removeprefix("Resume from ").removesuffix(".")
    yield lambda: command(*words, "--resume", folder)


@remedy("storage.py", "Try another folder or free some space; no partial file was left.")
def _full(tmp_path: Path) -> Iterator[Step]:
    def fill() -> None:
        with storage.atomic_file(tmp_path / "a.txt") as path:
            path.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    def follow() -> None:
        assert not list(tmp_path.iterdir())
        storage.write_json(tmp_path / "other" / "a.json", {})

    yield fill
    yield follow


@remedy("storage.py", "Try another output path.")
def _unwritable(tmp_path: Path) -> Iterator[Step]:
    blocked = written(tmp_path / "file", "x") / "a.json"
    yield lambda: storage.write_json(blocked, {})
    yield lambda: storage.write_json(tmp_path / "a.json", {})


@remedy("storage.py", "Try {}.")
def _folder_in_use(tmp_path: Path) -> Iterator[Step]:
    written(tmp_path / "thesis.docx", "mine")
    said = yield lambda: storage.check_replaceable(tmp_path, storage.MANIFEST)
    yield lambda: storage.check_replaceable(Path(str(said)[4:-1]), storage.MANIFEST)


# Training


LOOP = LoopConfig(steps=12, learning_rate=1e-2, checkpoint_every=2)


class Line:
    """Fit a line; diverges at a large learning rate."""

    baseline = 1.0

    def __init__(self, width: int = 4, power: int = 2) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.module: torch.nn.Module = torch.nn.Linear(width, 1)
        self.x, self.power = (
            torch.randn(32, width, generator=torch.Generator().manual_seed(0)),
            power,
        )

    def loss(self, step: int, generator: torch.Generator) -> Any:
        error = (self.module(self.x) - self.x[:, :1]).pow(self.power).mean()
        return error, {"error": error}

    def held_out(self) -> dict[str, float]:
        return {"held_out": 0.5}


@remedy("training/loop.py", "Try a learning_rate below {}.")
def _diverged() -> Iterator[Step]:
    def run(rate: float) -> None:
        config = LoopConfig(steps=40, learning_rate=rate)
        train(Broken(rate), config, seed=0, reporter=Reporter())

    said = yield lambda: run(0.5)
    bound = float(str(said).split()[4].rstrip("."))
    yield lambda: run(bound / 100)


class Broken(Line):
    """A loss that overflows when the rate is large."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def loss(self, step: int, generator: torch.Generator) -> Any:
        error, terms = super().loss(step, generator)
        return (error * float("inf") if self.rate >= 0.5 and step > 3 else error), terms


def part_of_a_run(folder: Path) -> None:
    calls = iter(range(99))
    reporter = Reporter(should_stop=lambda: next(calls) >= 6)
    with suppress(Stopped):
        assert train(Line(), LOOP, seed=0, folder=folder, reporter=reporter).stopped


@remedy("training/state.py", "Try the data and the config of the run that was stopped.")
def _other_network(tmp_path: Path) -> Iterator[Step]:
    part_of_a_run(tmp_path / "run")
    again: dict[str, Any] = {"seed": 0, "folder": tmp_path / "run", "resume": True}
    again["reporter"] = Reporter()
    yield lambda: train(Line(width=6), LOOP, **again)
    yield lambda: train(Line(), LOOP, **again)


@remedy("training/state.py", "Try the settings of the run that was stopped.")
def _other_settings(tmp_path: Path) -> Iterator[Step]:
    part_of_a_run(tmp_path / "run")
    again: dict[str, Any] = {"folder": tmp_path / "run", "resume": True}
    again["reporter"] = Reporter()
    yield lambda: train(Line(), LOOP, seed=7, **again)
    yield lambda: train(Line(), LOOP, seed=0, **again)


CHECKPOINT = "training/checkpoint.py"


def model(folder: Path) -> Path:
    tensors = {"weight": torch.arange(6.0).reshape(2, 3)}
    save_checkpoint(folder, method="dpvae", config={}, tensors=tensors, genes=("A", "B"))
    return folder


@remedy(CHECKPOINT, "Try data with the same gene panel, or train a new model.")
def _panel(tmp_path: Path) -> Iterator[Step]:
    found = load_checkpoint(model(tmp_path / "m"), method="dpvae")
    yield lambda: found.require_genes(["A", "C"])
    yield lambda: (found.require_genes(["C", "B", "A"]), model(tmp_path / "new"))


@remedy(CHECKPOINT, "Try {}, or another folder.")
def _method_of(tmp_path: Path) -> Iterator[Step]:
    folder = model(tmp_path / "m")
    said = yield lambda: load_checkpoint(folder, method="gears")
    yield lambda: load_checkpoint(folder, **keywords(str(said).partition(",")[0]))


@remedy(CHECKPOINT, "Try the folder that {} wrote.")
def _no_model(tmp_path: Path) -> Iterator[Step]:
    yield lambda: load_checkpoint(tmp_path / "nothing", method="dpvae")
    yield lambda: load_checkpoint(model(tmp_path / "m"), method="dpvae")


@remedy(CHECKPOINT, "Try another copy of the folder, or train again.")
def _damaged(tmp_path: Path) -> Iterator[Step]:
    bad = model(tmp_path / "bad")
    data = (bad / "weights.safetensors").read_bytes()
    (bad / "weights.safetensors").write_bytes(data[:-1] + b"\x07")
    yield lambda: load_checkpoint(bad, method="dpvae")
    yield lambda: load_checkpoint(model(tmp_path / "good"), method="dpvae")


@remedy("training/device.py", "Try auto.")
def _device() -> Iterator[Step]:
    said = yield lambda: choose_device("gpu")
    yield lambda: choose_device(str(said)[4:-1])


@remedy("training/device.py", "Try cpu or auto.")
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield lambda: choose_device("cuda")
    yield lambda: [choose_device(name) for name in ("cpu", "auto")]


@remedy("training/device.py", "Try cuda:{}.")
def _second_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    said = yield lambda: choose_device("cuda:3")
    yield lambda: choose_device(str(said)[4:-1])


@remedy("training/device.py", "Try 1.")
def _threads() -> Iterator[Step]:
    before = torch.get_num_threads()
    said = yield lambda: limit_threads(0)

    def follow() -> None:
        limit_threads(int(str(said)[4:-1]))
        torch.set_num_threads(before)

    yield follow


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


@remedy("tasks/placing.py", "Try other cells.")
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


@remedy("tasks/writing.py", "Try {}.")
def _suffix(tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: writing.write_result(tmp_path / "a.csv", table(), {})
    yield lambda: writing.write_result(tmp_path / str(said)[4:-1], table(), {})


# Genes, mixtures, splits


@remedy("tasks/gene_table.py", "Try {}.")
def _gene_file(tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: table_on_disk(tmp_path / "a.csv", 3, 3).__enter__()

    def follow() -> None:
        with table_on_disk(Path(str(said)[4:-1]), 3, 3) as stored:
            stored.put([0, 1, 2], np.ones((3, 3), np.float32), None)
            stored.finish(AnnData(obs=table(3).obs, var=table(3, 3).var))

    yield follow


def impute(genes: Any, slide: AnnData | None = None) -> Step:
    own = table(60, 12) if slide is None else slide
    return lambda: sr.impute_genes(own, table(60, 20), genes, method="knn")


@remedy("tasks/asked_genes.py", 'Try ["{}"].')
def _a_word() -> Iterator[Step]:
    said = yield impute("Gene15")
    yield lambda: impute(execute(str(said)))()


@remedy("tasks/asked_genes.py", "Try a reference that measured more genes than the slide.")
def _nothing_missing() -> Iterator[Step]:
    yield impute("missing", table(60, 20))
    yield impute("missing")


DECONVOLVING = "tasks/deconvolving.py"


@remedy(DECONVOLVING, "Try a first column of spot names and one column per cell type.")
def _shares_file(tmp_path: Path) -> Iterator[Step]:
    yield lambda: read_shares(written(tmp_path / "a.csv", ""))
    yield lambda: read_shares(written(tmp_path / "a.csv", "spot,A,B\nc0,0.5,0.5\n"))


def shares(prior: pd.DataFrame) -> Step:
    cells = table(60, 12)
    cells.obs["type"] = ["A", "B"] * 30
    return lambda: sr.deconvolve(
        table(30, 12), cells, "type", method="come", prior=prior, settings={"steps": 2}
    )


def prior(a: float, b: float, prefix: str = "c") -> pd.DataFrame:
    return pd.DataFrame({"A": a, "B": b}, index=[f"{prefix}{i}" for i in range(30)])


@remedy(DECONVOLVING, "Try one row per spot (each name once) and one column per cell type.")
def _other_shares() -> Iterator[Step]:
    yield shares(prior(0.5, 0.5, "o"))
    yield shares(prior(0.5, 0.5))


@remedy(DECONVOLVING, "Try 0 to 1.")
def _negative_shares() -> Iterator[Step]:
    yield shares(prior(-0.5, 0.5))
    yield lambda: [shares(prior(a, 1 - a))() for a in (0.0, 1.0)]


@remedy(DECONVOLVING, "Try shares of 0 to 1, or whole numbers of cells.")
def _large_shares() -> Iterator[Step]:
    yield shares(prior(0.9, 0.7))
    yield lambda: (shares(prior(0.5, 0.4))(), shares(prior(3.0, 2.0))())


SPLIT = "tasks/super_resolving.py"


def split(**more: Any) -> Step:
    slide = table(36, 12)
    slide.obsm["spatial"] = np.c_[np.arange(36) % 6, np.arange(36) // 6] * 100.0
    return lambda: sr.super_resolve(slide, "2x2", **{"method": "uniform", **more})


@remedy(SPLIT, "Try names such as {}.")
def _no_gene_of_slide() -> Iterator[Step]:
    said = yield split(genes=["zzzzzz"])
    yield split(genes=str(said).removeprefix("Try names such as ").removesuffix(".").split(", "))


@remedy(SPLIT, "Try without {}, or {}.")
def _model_of_none(tmp_path: Path) -> Iterator[Step]:
    said = yield split(model=tmp_path)
    method = keywords("Try " + str(said).partition(", or ")[2])["method"]
    assert method == "srast"
    yield split()
