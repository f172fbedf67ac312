"""What was chosen in one task and is what the next starts with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_spatialrecon.viewer.workspace.workspace import Entry, Workspace

_ONE = ("slide", "cells", "image")


@dataclass
class SharedChoice:
    """The data of several tasks; each writes what it knows, and takes what it can use.

    Entries that were closed meanwhile are ignored by the task that takes them.

    Parameters
    ----------
    slide
        The slide of a task on one slide.
    cells
        The cells to place, or the reference of a task on one slide.
    image
        The H&E on which cells are shown.
    unused
        Open slides that are not references; None before a task with several references wrote it.
    """

    slide: Entry | None = None
    cells: Entry | None = None
    image: Entry | None = None
    unused: tuple[Entry, ...] | None = None

    def state(self) -> dict[str, Any]:
        """Return the names of the entries."""
        one = {key: getattr(self, key) for key in _ONE}
        names = {key: entry.name for key, entry in one.items() if entry is not None}
        return {**names, "unused": [entry.name for entry in self.unused or ()]}

    @classmethod
    def of(cls, state: Mapping[str, Any], workspace: Workspace) -> SharedChoice:
        """Return the choice of a state; names that are not open are omitted."""
        one = {key: workspace.named(str(state.get(key))) for key in _ONE}
        unused = [workspace.named(str(name)) for name in state.get("unused", ())]
        return cls(**one, unused=tuple(entry for entry in unused if entry is not None))
