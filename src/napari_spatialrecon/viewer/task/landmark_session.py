"""What a dock that takes landmarks works on: a session on layers, and a model of what is set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.viewer.task.undo import State, Undoable

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Image, Points


class LandmarkModel(Undoable[State]):
    """Landmarks that can be chosen, left out, deleted and undone.

    Attributes
    ----------
    chosen
        Number of the chosen landmark.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.chosen: int | None = None

    @abstractmethod
    def enable(self, number: int, enabled: bool) -> None:
        """Use a landmark, or leave it out."""

    @abstractmethod
    def toggle(self) -> None:
        """Leave the chosen landmark out, or take it back."""

    @abstractmethod
    def delete(self, number: int | None = None) -> None:
        """Delete a landmark (the chosen one if None), or what is half set."""


class LandmarkSession(ABC):
    """Landmarks on layers of one viewer.

    Attributes
    ----------
    model
        What is set.
    layer
        The points that the landmarks move.
    image
        The image that they are set on.
    """

    model: LandmarkModel[Any]
    layer: Points
    image: Image | None

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether the viewer still has the layers."""

    @abstractmethod
    def show(self) -> None:
        """Move the layer and redraw the marks."""

    @abstractmethod
    def marks_world(self) -> np.ndarray:
        """Return the marks as the pointer hits them, (k, 2) as (y, x) in world units."""

    @abstractmethod
    def close(self) -> None:
        """Take the marks away; the layer stays where it is."""
