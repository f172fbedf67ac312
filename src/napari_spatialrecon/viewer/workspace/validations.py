"""Validations that were made in a window or came with its session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from psygnal import Signal

if TYPE_CHECKING:
    import numpy as np

    from napari_spatialrecon.tasks.validation.result import Validation


@dataclass(frozen=True, eq=False)
class Found:
    """A validation and how it looks on a dark and on a light ground.

    Parameters
    ----------
    name
        What was validated, in words.
    dark, light : (height, width, 4) uint8
    """

    name: str
    validation: Validation
    dark: np.ndarray = field(repr=False)
    light: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, name: str, validation: Validation) -> Self:
        """Return a validation with its pictures, which take a moment to draw."""
        drawn = (_drawn(validation, dark=dark) for dark in (True, False))
        return cls(name, validation, *drawn)


class Validations:
    """The validations of one window, the newest first."""

    added = Signal(Found)
    removed = Signal(Found)

    def __init__(self) -> None:
        self._found: list[Found] = []

    def __iter__(self) -> Iterator[Found]:
        return iter(tuple(self._found))

    def __len__(self) -> int:
        return len(self._found)

    def add(self, found: Found) -> None:
        """Put one before the others."""
        self._found.insert(0, found)
        self.added.emit(found)

    def remove(self, found: Found) -> None:
        """Take one away."""
        self._found.remove(found)
        self.removed.emit(found)


def _drawn(found: Validation, *, dark: bool) -> np.ndarray:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(found.picture(dark=dark, narrow=True))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()
