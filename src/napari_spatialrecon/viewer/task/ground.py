"""Where the result of a run will be shown: the image and spots in view when the run starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_spatialrecon.viewer.workspace.tables import Table
from napari_spatialrecon.viewer.workspace.workspace import Entry

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Points


@dataclass(frozen=True, eq=False)
class Ground:
    """The image and spots that the result of a run is shown on.

    Parameters
    ----------
    image
        The H&E; None if there is none.
    spots
        The slide's own points, which the result replaces; None if it replaces none.
    diameter_um
        Diameter of the points drawn; None draws cells.
    slides
        Layer of each reference slide, by its name in the run.
    truth
        The slide whose spots are placed, if the result is in its own frame. Its coordinates are
        hidden from the run.
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
    """Return the diameter at which a slide's spots are drawn; None without layer or scale."""
    if slide.points is None or slide.um_per_unit is None:
        return None
    return float(slide.points.size.max())


def stated_diameter_um(adata: AnnData) -> float | None:
    """Return the diameter of the spots of a table, µm, as it would be drawn; None without scale.

    It is that of the platform, else what the library states, else follows from their distance.
    """
    from napari_spatialrecon.tissue.slide_frame import SlideFrame
    from napari_spatialrecon.viewer.canvas.layers import spot_diameter

    frame = SlideFrame.read(adata)
    scale = frame.um_per_unit
    return None if scale is None else spot_diameter(frame) * scale
