"""Interpolations that split counts: uniform, bilinear, bicubic and Gaussian."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import (
    FittedSplit,
    SplitBlock,
    SuperResolution,
    conserved,
)
from napari_spatialrecon.methods.super_resolution.config import GaussianConfig, InterpolationConfig
from napari_spatialrecon.methods.super_resolution.weights import (
    bicubic,
    gaussian_weights,
    linear_weights,
)
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedInterpolation(FittedSplit):
    """State fitted to a slide.

    Parameters
    ----------
    counts : (n, genes) csc
    weights : (n * K, n) csr, optional
        Weights of the spots at each part, if the interpolation is a weighted mean.
    """

    counts: csc_matrix
    weights: csr_matrix | None = None


class Interpolation(SuperResolution):
    """A weighted mean of the spots around each part, scaled so that no count is lost.

    Parameters
    ----------
    config
        ``form`` tells whether the mass is conserved, or what the paper compared with.
    """

    config_class = InterpolationConfig
    config: InterpolationConfig
    fitted: FittedInterpolation

    @property
    def conserves(self) -> bool:
        """Whether the counts of the parts sum to those of the spot."""
        return self.config.form == "conserved"

    def fit(
        self,
        slide: Prepared,
        parts: SubSpots,
        run: Run | None = None,
    ) -> Self:
        """Compute the weights; see `SuperResolution.fit`."""
        self.fitted = FittedInterpolation(
            parts=parts, counts=csc_matrix(slide.adata.X), weights=self.weights(parts)
        )
        return self

    def weights(self, parts: SubSpots) -> csr_matrix | None:
        """Return the weights of spots at their parts, if they depend on positions alone."""
        return None

    @abstractmethod
    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Return values (n, g) of spots at their parts, (n * K, g)."""

    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Split these genes; see `SuperResolution.split`."""
        reporter.check()
        counts = self.fitted.counts[:, genes].toarray().astype(np.float64)
        n_parts = self.fitted.parts.factor.parts
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
        return np.repeat(values, self.fitted.parts.factor.parts, axis=0)


class Bilinear(Interpolation):
    """Linear between the nearest spots."""

    name = "bilinear"

    def weights(self, parts: SubSpots) -> csr_matrix | None:
        """Return the linear weights."""
        return linear_weights(parts)

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Apply the linear weights."""
        return np.asarray(self.fitted.weights @ values)


class Bicubic(Interpolation):
    """A cubic spline (Keys 1981 in the paper; here scipy's interpolating B-spline)."""

    name = "bicubic"

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Evaluate the spline at the parts."""
        return bicubic(self.fitted.parts, values)


class Gaussian(Bilinear):
    """A Gaussian around each part."""

    name = "gaussian"
    config_class = GaussianConfig
    config: GaussianConfig

    def weights(self, parts: SubSpots) -> csr_matrix | None:
        """Return the Gaussian's weights."""
        return gaussian_weights(parts, self.config.width)
