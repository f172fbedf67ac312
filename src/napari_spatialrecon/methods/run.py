"""How a method is fitted: the seed, where it computes, whom it tells, what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import Task, train


@dataclass(frozen=True)
class Run:
    """How a fit is run.

    Parameters
    ----------
    seed
        Of all that is drawn.
    device
        Where networks are trained.
    reporter
        Receives progress reports; may stop the run.
    folder
        Where a stopped training leaves what `resume` goes on from; None keeps nothing.
    resume
        Go on from what `folder` holds.
    part
        The subfolder of `folder` that this part of the run trains in.
    """

    seed: int = 0
    device: str = "cpu"
    reporter: Reporter = field(default_factory=Reporter)
    folder: Path | None = None
    resume: bool = False
    part: str = ""

    def within(self, part: str) -> Run:
        """Return the run of a part, which trains in a subfolder of its own."""
        return replace(self, part=f"{self.part}/{part}" if self.part else part)

    def seeded(self, seed: int) -> Run:
        """Return the run with another seed."""
        return replace(self, seed=seed)

    def unsaved(self) -> Run:
        """Return the run of a part that keeps nothing to be resumed."""
        return replace(self, folder=None, resume=False)

    def train(self, task: Task, loop: LoopConfig, stage: str) -> History:
        """Train one network, or go on where it was stopped.

        Parameters
        ----------
        stage
            Name of this work in progress reports.

        Raises
        ------
        Stopped
            The user stopped the run; `folder` can be resumed.
        DivergedError
            A loss is not finite.
        """
        own = None if self.folder is None else self.folder / self.part
        history = train(
            task,
            loop,
            seed=self.seed,
            device=self.device,
            reporter=self.reporter,
            folder=own,
            resume=self.resume and own is not None and own.exists(),
            stage=stage,
        )
        if history.stopped:
            raise Stopped(checkpoint="" if self.folder is None else str(self.folder))
        return history
