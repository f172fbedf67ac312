"""The embedding of a trained encoder as a feature space, instead of joint principal components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.gears.encoder.network import ExpressionEncoder
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace

#: Prefix of the network's weights among a space's arrays, and profiles embedded at a time.
PREFIX, BLOCK = "network.", 4096


@dataclass(frozen=True, kw_only=True)
class EncodedSpace(FeatureSpace):
    """A feature space whose features are an encoder's embedding.

    Parameters
    ----------
    network
        f_θ, on the CPU, in evaluation mode.
    config
        Hyper-parameters of the encoder.
    """

    network: ExpressionEncoder
    config: EncoderConfig

    @classmethod
    def of(cls, encoder: Encoder) -> Self:
        """Return the space of a fitted encoder."""
        return cls._over(encoder.space, encoder.network, encoder.config)

    @classmethod
    def restored(
        cls, space: FeatureSpace, config: EncoderConfig, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """Restore the space from a checkpoint's `arrays` and the encoder's config."""
        n_inputs = len(space.components) or len(space.used)
        network = ExpressionEncoder(n_inputs, config.network)
        state: dict[str, Tensor] = {
            name.removeprefix(PREFIX): torch.from_numpy(value)
            for name, value in arrays.items()
            if name.startswith(PREFIX)
        }
        network.load_state_dict(state)
        return cls._over(space, network, config)

    @classmethod
    def _over(cls, space: FeatureSpace, network: ExpressionEncoder, config: EncoderConfig) -> Self:
        own = {field.name: getattr(space, field.name) for field in fields(FeatureSpace)}
        network.eval()
        return cls(**own, network=network, config=config)

    def _project(self, weighted: NDArray[np.float64]) -> Features:
        inputs = torch.from_numpy(super()._project(weighted))
        with torch.inference_mode():
            return np.concatenate([self.network(x).numpy() for x in inputs.split(BLOCK)])

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the arrays saved in a checkpoint, including the network's weights."""
        weights = {f"{PREFIX}{k}": v.numpy() for k, v in self.network.state_dict().items()}
        return {**super().arrays(), **weights}
