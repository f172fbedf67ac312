"""A saved encoder as the first stage of GEARS."""

from __future__ import annotations

from pathlib import Path

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.registry import MethodInfo


def encoder_for(
    info: MethodInfo, encoder: Encoder | str | Path | None, model: object
) -> Encoder | None:
    """Return the encoder, read where it is a folder; None where none is asked for.

    Raises
    ------
    InputError
        The method is not GEARS, or a fitted `model` is given, which has its own input.
    """
    if encoder is None:
        return None
    if info.name != "gears" or model is not None:
        found = f"method {info.name}" if info.name != "gears" else "a model that is trained already"
        raise InputError(
            f"Expected GEARS to be trained on the encoder, found {found}.",
            remedy="Try --method gears without a model, or leave out the encoder.",
        )
    return encoder if isinstance(encoder, Encoder) else Encoder.load(encoder)
