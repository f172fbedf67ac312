"""Base class of methods that embed spots and cells."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from napari_spatialrecon.methods.encoders.mixing import Mixing
from napari_spatialrecon.methods.method import Estimate, Fitted, Method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace


@dataclass(frozen=True)
class ProfileSizes:
    """Size of an encoder's training data; `profiles` counts spots and cells together."""

    profiles: int
    genes: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedEncoder(Fitted):
    """Result of training an encoder.

    Parameters
    ----------
    space
        Converts counts to the encoder's input.
    before, after
        How well the sources are mixed in the input and in the embedding; None with one source.
    """

    space: FeatureSpace
    before: Mixing | None = None
    after: Mixing | None = None


class EncoderMethod(Method):
    """A method that learns one embedding for spots and dissociated cells."""

    fitted: FittedEncoder

    @property
    def space(self) -> FeatureSpace:
        """Converts counts to the encoder's input."""
        return self.fitted.space

    @property
    def before(self) -> Mixing | None:
        """How well the sources are mixed in the input; None with one source."""
        return self.fitted.before

    @property
    def after(self) -> Mixing | None:
        """How well the sources are mixed in the embedding; None with one source."""
        return self.fitted.after

    @abstractmethod
    def estimate(self, sizes: ProfileSizes) -> Estimate:
        """Return the estimated cost of training."""

    @abstractmethod
    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Train on the expression of slides and of the query, if given; places are never used.

        Raises
        ------
        Stopped
            The user stopped the run; its folder can be resumed.
        DivergedError
            A loss is not finite.
        """

    @abstractmethod
    def inputs(self, prepared: Prepared) -> Features:
        """Return the encoder's input for spots or cells, (n, n_inputs) float32."""

    @abstractmethod
    def embed(self, prepared: Prepared) -> Features:
        """Return the embedding of spots or cells, (n, h) float32.

        Genes are standardised over all of `prepared` (unless ``preprocess.zscore`` says
        otherwise), so pass a whole slide or query.

        Raises
        ------
        CheckpointError
            Fewer than 90% of the encoder's genes are present.
        """

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder.

        Raises
        ------
        CheckpointError
            The checkpoint is damaged, from a newer version, or of another method.
        """
