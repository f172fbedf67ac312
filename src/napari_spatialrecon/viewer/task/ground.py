"""Where the result of a run will lie: what the viewer shows as the run starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.workspace.tables import Table
from napari_spatialrecon.viewer.workspace.workspace import Entry

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points


@dataclass(frozen=True, eq=False)
class Ground:
    """What the result of a run lies on.

    Parameters
    ----------
    image
        The H&E; None without one.
    spots
        The slide's own points, whose place the result takes; None where it takes none.
    diameter_um
        Of the points that are drawn; None draws cells.
    slides
        Layer of each reference slide, by the name that the run knows it by.
    truth
        The slide whose spots are placed, if the result lies in its own frame. The run reads none of
        its coordinates.
    """

    image: Image | None = None
    spots: Points | None = None
    diameter_um: float | None = None
    slides: Mapping[str, Points] = field(default_factory=dict)
    truth: Table | None = None

    def left_in(self, viewer: ViewerModel) -> Ground:
        """Return the ground without image or spots that the viewer no longer has."""
        layers = viewer.layers
        return replace(
            self,
            image=self.image if self.image in layers else None,
            spots=self.spots if self.spots in layers else None,
        )

    def hide_spots(self) -> None:
        """Hide the slide's own spots, which lie under the result."""
        if self.spots is not None:
            self.spots.visible = False


def spot_diameter_um(slide: Entry) -> float | None:
    """Return how large a slide's spots are drawn; None where it is not shown, or has no scale."""
    if slide.points is None or slide.um_per_unit is None:
        return None
    return float(slide.points.size.max())
