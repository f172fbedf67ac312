"""Training of a super-resolution generalist on slides, for use on others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import find_method, methods_for
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import SuperResolution
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks import resuming
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.training.device import choose_device

#: The first method that is trained.
_DEFAULT = next(info.name for info in methods_for("super-resolve") if info.has_generalist)


def train_super_resolution(
    slides: Mapping[str, AnnData],
    *,
    method: str = _DEFAULT,
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: str | Path | None = None,
    resume: bool = False,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[SuperResolution, provenance.RunRecord]:
    """Train a generalist on slides, to be saved and used on other slides with ``model=``.

    Parameters
    ----------
    slides
        Name to slide of bins, spots or single cells; the finer, the better.
    folder
        Folder in which a stopped training run keeps its state for ``resume=True``.
    """
    info = find_method(method, "super-resolve")
    if not info.has_generalist:
        able = " or ".join(
            argument("method", i.name) for i in methods_for("super-resolve") if i.has_generalist
        )
        raise InputError(
            f"Expected a method that is trained, found {method}.", remedy=f"Try {able}."
        )
    fresh = info.method()(chosen_config(info, config, settings))
    record = provenance.RunRecord("train", info.name, fresh.config.to_dict(), seed)
    record.device = str(choose_device(device))
    prepared = [contract.prepare_slide(a, n, min_counts=10) for n, a in slides.items()]
    record.inputs = {p.name: p.fingerprint() for p in prepared}
    if folder is not None:
        asked = {
            "method": info.name,
            "seed": seed,
            "config": record.config,
            "inputs": record.inputs,
        }
        resuming.begin(Path(folder), asked, resume=resume)
    fresh.train(
        prepared,
        Run(
            seed,
            record.device,
            Reporter(progress, should_stop),
            None if folder is None else Path(folder),
            resume,
        ),
    )
    record.metrics = dict(fresh.metrics)
    return fresh, record
