"""Settings of a fit: seed, device, progress reports and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import Task, train


@dataclass(frozen=True)
class Run:
    """Settings of a fit.

    Parameters
    ----------
    seed
        Seed of all random numbers.
    device
        Device on which networks are trained.
    reporter
        Receives progress reports; may stop the run.
    folder
        Where training saves its state, so that a stopped run can be resumed; None saves nothing.
    resume
        Resume from the state saved in `folder`.
    part
        Subfolder of `folder` for this part of the run.
    """

    seed: int = 0
    device: str = "cpu"
    reporter: Reporter = field(default_factory=Reporter)
    folder: Path | None = None
    resume: bool = False
    part: str = ""

    def within(self, part: str) -> Run:
        """Return the run of a part, which saves its state in its own subfolder."""
        return replace(self, part=f"{self.part}/{part}" if self.part else part)

    def seeded(self, seed: int) -> Run:
        """Return the run with another seed."""
        return replace(self, seed=seed)

    def unsaved(self) -> Run:
        """Return the run of a part that saves no state."""
        return replace(self, folder=None, resume=False)

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Let a stop within the block, outside any training, name the folder to resume from."""
        try:
            yield
        except Stopped as stopped:
            if stopped.checkpoint or self.folder is None or not any(self.folder.glob("*/")):
                raise  # there is nothing to resume
            raise Stopped(checkpoint=str(self.folder)) from stopped

    def train(self, task: Task, loop: LoopConfig, stage: str) -> History:
        """Train one network, or resume its training.

        Parameters
        ----------
        stage
            Name of this training in progress reports.

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
