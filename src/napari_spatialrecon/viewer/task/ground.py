"""Where the result of a run will be shown: the image and spots in view when the run starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.workspace.tables import Table, histology_of
from napari_spatialrecon.viewer.workspace.workspace import Entry, workspace_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points


@dataclass(frozen=True, eq=False)
class Ground:
    """The image and spots that the result of a run is shown on.

    Parameters
    ----------
    image
        The H&E; None if there is none.
    frame
        The slide in whose frame the result lies, where there is no H&E.
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
    frame: Points | None = None
    spots: Points | None = None
    diameter_um: float | None = None
    slides: Mapping[str, Points] = field(default_factory=dict)
    truth: Table | None = None

    @property
    def under(self) -> Layer | None:
        """The layer that the result follows."""
        return self.image if self.image is not None else self.frame

    def left_in(self, viewer: ViewerModel) -> Ground:
        """Return the ground without layers that the viewer no longer has."""
        layers = viewer.layers
        return replace(
            self,
            image=self.image if self.image in layers else None,
            frame=self.frame if self.frame in layers else None,
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


def histology_under(viewer: ViewerModel, layer: Layer) -> Image | None:
    """Return the H&E on which a layer lies: its slide's own, else one that covers it.

    Of several, one that is visible and beneath it.
    """
    from napari.layers import Image

    space = workspace_of(viewer)
    slide = space.of_layer(layer)
    own = None if slide is None else histology_of(space, slide)
    if own is not None and isinstance(own.layer, Image):
        return own.layer
    layers = viewer.layers
    here = layers.index(layer)
    middle = np.asarray(layer.extent.world, float)[:, -2:].mean(axis=0)
    found = [
        other
        for other in layers
        if isinstance(other, Image)
        and other is not layer
        and other.metadata.get(OURS, {}).get("role") == "histology"
        and _covers(other, middle)
    ]
    index = layers.index
    return max(found, key=lambda la: (la.visible, index(la) < here, index(la)), default=None)


def top_image(viewer: ViewerModel, layer: Layer) -> Image | None:
    """Return the image that is seen where a layer lies; None if none is visible there."""
    from napari.layers import Image

    middle = np.asarray(layer.extent.world, float)[:, -2:].mean(axis=0)
    seen = (
        other
        for other in reversed(viewer.layers)
        if isinstance(other, Image) and other.visible and _covers(other, middle)
    )
    return next(seen, None)


def _covers(image: Image, place: np.ndarray) -> bool:
    low, high = np.asarray(image.extent.world, float)[:, -2:]
    return bool(((place >= low) & (place <= high)).all())
