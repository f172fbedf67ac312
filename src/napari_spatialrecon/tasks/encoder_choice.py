"""A saved encoder as the first stage of a placing method."""

from __future__ import annotations

from pathlib import Path

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.encoders.base import EncoderMethod
from napari_spatialrecon.methods.registry import MethodInfo, default_for, find_method, methods_for


def encoder_for(
    info: MethodInfo, encoder: EncoderMethod | str | Path | None, model: object
) -> EncoderMethod | None:
    """Return the encoder, read where it is a folder; None where none is asked for.

    Raises
    ------
    InputError
        The method takes no encoder, or a fitted `model` is given, which has its own input.
    """
    if encoder is None:
        return None
    if not info.takes_encoder or model is not None:
        found = "a model that is trained already" if info.takes_encoder else f"method {info.name}"
        takers = " or ".join(i.name for i in methods_for("place") if i.takes_encoder)
        raise InputError(
            f"Expected a method that is trained on an encoder, found {found}.",
            remedy=f"Try --method {takers} without a model, or leave out the encoder.",
        )
    return encoder if isinstance(encoder, EncoderMethod) else load_encoder(encoder)


def load_encoder(folder: str | Path) -> EncoderMethod:
    """Read an encoder's checkpoint folder.

    Raises
    ------
    CheckpointError
        It is damaged, newer, or of another method.
    """
    task = "train-encoder"
    loaded: EncoderMethod = find_method(default_for(task), task).method().load(folder)
    return loaded
