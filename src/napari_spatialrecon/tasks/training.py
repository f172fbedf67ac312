"""Training a method on slides only, for later queries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import METHODS, MethodInfo, default_for
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.tasks.choosing import Trained, method_of
from napari_spatialrecon.tasks.configs import Settings, chosen_config
from napari_spatialrecon.tasks.encoder_choice import TrainedEncoder, encoder_for
from napari_spatialrecon.tasks.encoding import train_encoder
from napari_spatialrecon.tasks.masking import PairMasks, masks_for
from napari_spatialrecon.tasks.model import Model
from napari_spatialrecon.tasks.placing_run import begin, loaded, prepare_slides
from napari_spatialrecon.tasks.super_training import train_super_resolution
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata


@takes_spatialdata
def train(
    references: Mapping[str, Table],
    *,
    method: str = default_for("place"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: str | Path | None = None,
    resume: bool = False,
    start_from: Trained | None = None,
    encoder: TrainedEncoder | None = None,
    masks: PairMasks | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Model:
    """Fit a method on slides only, to be saved and used for later queries.

    Parameters
    ----------
    references
        Name to slide: counts and ``obsm["spatial"]``.
    method
        A method that places cells, an encoder, or a super-resolution method trained in advance.
    config, settings
        As in `place`; when fine-tuning, None keeps the model's own config.
    folder
        Folder in which a stopped training run keeps its state for ``resume=True``.
    start_from
        A fitted model, or its checkpoint folder, to fine-tune on these slides.
    encoder
        A fitted encoder, or its checkpoint folder, whose embedding is the input.
    masks
        As in `place`.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    resume
        Whether to go on from the state that a stopped run left in `folder`.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    Model
        ``model.place(query)``, ``model.save(folder)``; `load` reads it again.

    Raises
    ------
    InputError
        The method is not trained in advance, or cannot start from a model or an encoder.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> model = sr.train({"section 1": made.slides[0]}, method="knn")
    >>> model.place(made.cells).adata.n_obs
    400
    """
    info = trained_ahead(method, start_from, config)
    if start_from is not None and not info.fine_tunes:
        raise InputError(
            f"Expected a method that can be fine-tuned, found {method}.",
            remedy=f"Try without {argument('start_from')}.",
        )
    common: dict[str, Any] = {
        "method": info.name,
        "seed": seed,
        "device": device,
        "folder": folder,
        "resume": resume,
        "progress": progress,
        "should_stop": should_stop,
    }
    if "place" in info.tasks:
        learning: dict[str, Any] = {"start_from": start_from, "encoder": encoder, "masks": masks}
        return _train_placing(references, info, config, settings, common, **learning)
    masks_for(info, masks, [])
    encoder_for(info, encoder, start_from)
    common["config"] = chosen_config(info, config, settings)
    if "train-encoder" in info.tasks:
        result = train_encoder(references, **common)
        return Model(result.encoder, result.record.to_dict())
    fitted, record = train_super_resolution(references, **common)
    return Model(fitted, record.to_dict())


def trained_ahead(
    method: str, start_from: Trained | None = None, config: Config | None = None
) -> MethodInfo:
    """Return a method that is trained in advance; see `method_of`.

    Raises
    ------
    InputError
        There is no method of that name.
    """
    known = [i for i in METHODS if {"place", "train-encoder"} & set(i.tasks) or i.has_generalist]
    for info in known:
        if info.name == method:
            return method_of(method, "place", start_from, config) if info.selects else info
    raise InputError(
        f"Expected a method that is trained, found {method!r}.",
        remedy=f"Try one of {', '.join(info.name for info in known)}.",
    )


def _train_placing(
    references: Mapping[str, AnnData],
    info: MethodInfo,
    config: Config | None,
    settings: Settings | None,
    common: dict[str, Any],
    *,
    start_from: Trained | None,
    encoder: TrainedEncoder | None,
    masks: PairMasks | None,
) -> Model:
    device = common.pop("device")
    run = begin("train", "place", **common)
    base = loaded(info, start_from)
    start = config if config is not None or base is None else base.config
    chosen = chosen_config(info, start, settings)
    slides = prepare_slides(references, chosen)
    known = encoder_for(info, encoder, base)
    pairs = masks_for(info, masks, slides)
    learning: dict[str, Any] = {"start_from": base, "encoder": known, "masks": pairs}
    fitted = run.fitted(slides, None, chosen, device, **learning)
    return Model(fitted, run.record.to_dict())
