"""A landmark session on layers, and the model of its landmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.task.undo import State, Undoable

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Image, Points

    from napari_spatialrecon.viewer.workspace.tiling import Shifts


def kept_with(layer: Points, key: str) -> Mapping[str, Any] | None:
    """Return what `keep_with` kept with a layer."""
    found = layer.metadata.get(OURS, {}).get(key)
    return found if isinstance(found, Mapping) else None


def keep_with(layer: Points, key: str, content: Mapping[str, Any] | None) -> None:
    """Keep what a session needs of landmarks with their layer; None forgets it."""
    ours = {name: held for name, held in layer.metadata.get(OURS, {}).items() if name != key}
    layer.metadata[OURS] = ours if content is None else {**ours, key: dict(content)}


class LandmarkModel(Undoable[State]):
    """Landmarks that can be selected, excluded, deleted and undone.

    Attributes
    ----------
    chosen
        Number of the selected landmark.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.chosen: int | None = None

    @abstractmethod
    def enable(self, number: int, enabled: bool) -> None:
        """Include or exclude a landmark."""

    @abstractmethod
    def toggle(self) -> None:
        """Exclude the selected landmark, or include it again."""

    @abstractmethod
    def delete(self, number: int | None = None) -> None:
        """Delete a landmark (the selected one if None), or cancel one that is incomplete."""


class LandmarkSession(ABC):
    """Landmarks on layers of one viewer.

    Attributes
    ----------
    model
        The landmarks.
    layer
        The points that the landmarks move.
    image
        The image on which they are set.
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
    def remember(self) -> None:
        """Keep the landmarks with the layer, so that a saved session has them."""

    @abstractmethod
    def follow(self, shifts: Shifts) -> None:
        """Follow slides that were laid elsewhere on the canvas."""

    @abstractmethod
    def marks_world(self) -> np.ndarray:
        """Return the positions of the marks, (k, 2) as (y, x) in world units."""

    @abstractmethod
    def close(self) -> None:
        """Remove the marks; the layer stays where it is."""
