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
    from napari_spatialrecon.viewer.window.steps import Steps


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

    def hide(self, layers: Iterable[Layer]) -> Steps:
        """Hide layers."""
        for layer in layers:
            if self._set(layer, visible=False):
                yield None

    def clear_ground(self, scene: Scene) -> Steps:
        """Hide all results, and show the H&E that the sides lie on."""
        sides = [layer for side in scene.sides for layer in side.layers(self.viewer)]
        ours = [(layer, layer.metadata.get(OURS, {})) for layer in self.viewer.layers]
        results = [layer for layer, about in ours if about.get("role") == "result"]
        yield from self.hide([*sides, *(layer for layer in results if layer not in sides)])
        shown = next((layer for layer, _ in scene.sources if layer is not None), None)
        ground = None if shown is None else histology_under(self.viewer, shown)
        if ground is not None and self._set(ground, visible=True):
            yield None

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

    def lift(self, but: Container[Layer] = ()) -> Steps:
        """Show what was visible before, as it was seen; but these layers stay as they are."""
        for layer, visible in reversed(self._before):
            if layer in but:
                continue
            if layer in self.viewer.layers and layer.visible != visible:
                layer.visible = visible
                yield None
        self._before = [(layer, visible) for layer, visible in self._before if layer in but]
        if self._camera is not None:
            camera, before = self.viewer.scene.camera, self._camera
            self._camera = None
            camera.center, camera.zoom = before
            yield None

    def _set(self, layer: Layer, *, visible: bool) -> bool:
        """Show or hide a layer that is in the viewer; return whether that changed anything."""
        if layer not in self.viewer.layers:
            return False
        changes = layer.visible != visible
        if changes or not self.holds(layer):
            self._before.append((layer, layer.visible))
        if changes:
            layer.visible = visible
        return changes
