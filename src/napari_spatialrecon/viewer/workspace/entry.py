"""What is open, one entry each: a table, an image or a model, and what it is used as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.canvas.layers import to_adata

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.layers import Image, Layer, Points

    from napari_spatialrecon.methods.encoders.base import EncoderMethod


class Role(StrEnum):
    """What an open table, image or model is used as."""

    SLIDE = "slide"
    QUERY = "query"
    HISTOLOGY = "histology"
    MODEL = "model"
    RESULT = "result"


@dataclass(eq=False)
class Entry:
    """An open table, image or model.

    Parameters
    ----------
    name
        Unique in its workspace.
    role
        What it is used as.
    adata
        Its table; None for histology, models, and layers made elsewhere, which `table` reads.
    path
        Its file, if it has one.
    layer
        The layer that shows it; None for cells without coordinates and for models.
    um_per_unit
        Micrometers per unit of its coordinates (per pixel of an image); None if unknown.
    notes
        Messages to the user.
    model
        The encoder of a model.
    read
        Reading options that were chosen, where its file holds several tables.
    label
        What the user calls it; empty if it is named after its file.
    """

    name: str
    role: Role
    adata: AnnData | None = None
    path: Path | None = None
    layer: Layer | None = None
    um_per_unit: float | None = None
    notes: list[str] = field(default_factory=list)
    model: EncoderMethod | None = None
    read: Mapping[str, str] = field(default_factory=dict)
    label: str = ""

    @property
    def needs_scale(self) -> bool:
        """Whether the user has to give the µm per pixel or unit."""
        return self.role in (Role.SLIDE, Role.HISTOLOGY) and self.um_per_unit is None

    @property
    def points(self) -> Points | None:
        """The points layer that shows it; None where there is none."""
        from napari.layers import Points

        return self.layer if isinstance(self.layer, Points) else None

    @property
    def image(self) -> Image | None:
        """The image layer that shows it; None where there is none."""
        from napari.layers import Image

        return self.layer if isinstance(self.layer, Image) else None

    @property
    def scale_key(self) -> str:
        """The key under which a scale that was typed is remembered."""
        return str(self.path) if self.path is not None else self.name

    def note(self, text: str) -> None:
        """Add a message, if it is not there yet."""
        if text not in self.notes:
            self.notes.append(text)

    def table(self) -> AnnData:
        """Return the table as it was opened, or read from a layer made elsewhere.

        Raises
        ------
        InputError
            It has none.
        """
        if self.adata is not None and SPATIAL in self.adata.obsm:
            return self.adata
        if self.points is not None and self.role is not Role.HISTOLOGY:
            return to_adata(self.points)
        if self.adata is not None:
            return self.adata
        raise InputError(f"Expected a table of cells or spots, found {self.role}.", where=self.name)


def read_um(typed: float | str) -> float | None:
    """Return a positive number of µm, typed with a point or a comma; None if it is not one."""
    try:
        value = float(str(typed).strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


SUFFIXES = (" spots", " H&E")
"""What the names of layers add to that of their slide."""
