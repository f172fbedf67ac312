"""What a comparison hides while it is shown, and the view: both are as before afterwards."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.figure.page import view_extent
from napari_spatialrecon.viewer.task.ground import histology_under

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.viewer.results.scene import Scene


class Curtain:
    """Hides layers of one viewer and turns its camera, until it is lifted."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._before: list[tuple[Layer, bool]] = []
        self._camera: tuple[Any, float] | None = None

    @property
    def visible(self) -> dict[str, bool]:
        """Whether each layer that it changed was visible before, by its name."""
        return {layer.name: visible for layer, visible in reversed(self._before)}

    def holds(self, layer: object) -> bool:
        """Return whether it changed a layer."""
        return any(layer is other for other, _ in self._before)

    def hide(self, layers: Iterable[Layer]) -> None:
        """Hide layers."""
        for layer in layers:
            self._set(layer, visible=False)

    def clear_ground(self, scene: Scene) -> None:
        """Hide all results, and show the H&E that the sides lie on."""
        sides = [layer for side in scene.sides for layer in side.layers(self.viewer)]
        ours = [(layer, layer.metadata.get(OURS, {})) for layer in self.viewer.layers]
        results = [layer for layer, about in ours if about.get("role") == "result"]
        self.hide([*sides, *(layer for layer in results if layer not in sides)])
        shown = next((layer for layer, _ in scene.sources if layer is not None), None)
        ground = None if shown is None else histology_under(self.viewer, shown)
        if ground is not None:
            self._set(ground, visible=True)

    def bring_into_view(self, scene: Scene, own: Iterable[Layer]) -> None:
        """Look at both sides, where the window shows another part."""
        low, high = (corner[::-1] for corner in scene.extent)
        seen = view_extent(self.viewer)
        if (seen[0] > low).any() or (seen[1] < high).any():
            self.remember_camera()
            self.viewer.reset_view(layers=[*own, *scene.ground()])

    def remember_camera(self) -> None:
        """Keep the view, to return to it."""
        camera = self.viewer.scene.camera
        self._camera = (camera.center, camera.zoom)

    def lift(self, but: Container[Layer] = ()) -> None:
        """Show what was visible before, as it was seen; but these layers stay as they are."""
        kept: list[tuple[Layer, bool]] = []
        for layer, visible in reversed(self._before):
            if layer in but:
                kept.insert(0, (layer, visible))
            elif layer in self.viewer.layers and layer.visible != visible:
                layer.visible = visible
        if self._camera is not None:
            camera = self.viewer.scene.camera
            camera.center, camera.zoom = self._camera
        self._before, self._camera = kept, None

    def _set(self, layer: Layer, *, visible: bool) -> None:
        if layer in self.viewer.layers:
            if layer.visible != visible or not self.holds(layer):
                self._before.append((layer, layer.visible))
            if layer.visible != visible:
                layer.visible = visible
