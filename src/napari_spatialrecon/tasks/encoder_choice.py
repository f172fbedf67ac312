"""A saved encoder as the first stage of a placement method."""

from __future__ import annotations

from pathlib import Path

from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.encoders.base import EncoderMethod
from napari_spatialrecon.methods.registry import MethodInfo, methods_for
from napari_spatialrecon.tasks.saved import Fitted, read_fitted

#: A fitted encoder, or its checkpoint folder.
TrainedEncoder = Fitted | EncoderMethod | str | Path


def encoder_for(
    info: MethodInfo, encoder: TrainedEncoder | None, model: object
) -> EncoderMethod | None:
    """Return the encoder, loaded if it is a folder; None if none is requested.

    Raises
    ------
    InputError
        The method takes no encoder, or a fitted `model` is given, which has its own input.
    """
    if encoder is None:
        return None
    if not info.takes_encoder or model is not None:
        found = "a model that is trained already" if info.takes_encoder else f"method {info.name}"
        takes = [i.name for i in methods_for("place") if i.takes_encoder]
        takers = " or ".join(argument("method", name) for name in takes)
        raise InputError(
            f"Expected a method that uses an encoder, found {found}.",
            remedy=f"Try {takers} without a model, or leave out {argument('encoder')}.",
        )
    if isinstance(encoder, str | Path):
        return load_encoder(encoder)
    given = encoder.method if isinstance(encoder, Fitted) else encoder
    if not isinstance(given, EncoderMethod):
        raise CheckpointError(
            f"Expected a fitted encoder, found a model of {given.name}.", where="encoder"
        )
    return given


def load_encoder(folder: str | Path) -> EncoderMethod:
    """Read an encoder's checkpoint folder.

    Raises
    ------
    CheckpointError
        It is damaged, newer, or of another method.
    """
    found: EncoderMethod = read_fitted(folder, "train-encoder").method
    return found
