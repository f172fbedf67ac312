"""Interpolations that split counts: uniform, bilinear, bicubic and Gaussian."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.methods.super_resolution.base import SplitBlock, SuperResolution, conserved
from napari_spatialrecon.methods.super_resolution.config import GaussianConfig, InterpolationConfig
from napari_spatialrecon.methods.super_resolution.weights import (
    bicubic,
    gaussian_weights,
    linear_weights,
)
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots


class Interpolation(SuperResolution):
    """A weighted mean of the spots around each part, scaled so that no count is lost.

    Parameters
    ----------
    config
        ``form`` tells whether the mass is conserved, or what the paper compared with.
    """

    config_class = InterpolationConfig
    config: InterpolationConfig

    def fit(
        self,
        slide: Prepared,
        parts: SubSpots,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Make the weights; see `SuperResolution.fit`."""
        self.conserves = self.config.form == "conserved"
        self.parts = parts
        self.counts = slide.adata.X.tocsc()
        self.prepare(parts)
        return self

    def prepare(self, parts: SubSpots) -> None:
        """Make what depends on the places alone."""

    @abstractmethod
    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Return values (n, g) of spots at their parts, (n * K, g)."""

    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Split some genes; see `SuperResolution.split`."""
        reporter.check()
        counts = self.counts[:, genes].toarray().astype(np.float64)
        n_parts = self.parts.factor.parts
        values = np.asarray(self.interpolate(counts)).reshape(len(counts), n_parts, -1)
        if self.conserves:
            values = conserved(values, counts)
        elif self.config.form == "divided":
            values = values / n_parts
        return SplitBlock(genes, csr_matrix(values.reshape(-1, len(genes))))


class Uniform(Interpolation):
    """Each part gets the same share."""

    name = "uniform"

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Repeat the spot's value."""
        return np.repeat(values, self.parts.factor.parts, axis=0)


class Bilinear(Interpolation):
    """Linear between the nearest spots."""

    name = "bilinear"

    def prepare(self, parts: SubSpots) -> None:
        """Make the linear weights."""
        self.weights = linear_weights(parts)

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Apply them."""
        return np.asarray(self.weights @ values)


class Bicubic(Interpolation):
    """A cubic spline (Keys 1981 in the paper; here scipy's interpolating B-spline)."""

    name = "bicubic"

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Evaluate the spline at the parts."""
        return bicubic(self.parts, values)


class Gaussian(Bilinear):
    """A Gaussian around each part."""

    name = "gaussian"
    config_class = GaussianConfig
    config: GaussianConfig

    def prepare(self, parts: SubSpots) -> None:
        """Make the Gaussian's weights."""
        self.weights = gaussian_weights(parts, self.config.width)
