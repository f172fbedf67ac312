"""Remedies of errors, files, training and what is saved."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_spatialrecon import storage
from napari_spatialrecon.errors import ChoiceError, Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.device import choose_device, limit_threads
from napari_spatialrecon.training.loop import train
from remedies.cases import Step, command, keywords, remedy, written

EVALUATE = "evaluation/evaluate.py"
RNG = np.random.default_rng(0)


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
    said = yield lambda: command(*words, stop_after=60)
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
