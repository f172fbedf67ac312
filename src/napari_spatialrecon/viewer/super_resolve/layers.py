"""A super-resolved slide in the viewer: one gene at a time, before and after, on the histology.

A result is a group of layers: the image of a gene within the spots, faint and smooth what is
interpolated between them, the gene as measured, the uncertainty, and the parts as points. Another
gene reuses the same layers. What the table and saved files hold does not depend on any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.tiles import tile_slot
from napari_spatialrecon.viewer.super_resolve.job import Resolved
from napari_spatialrecon.viewer.task.result_layers import (
    LOCKED,
    hide_other_results,
    is_locked,
    moved,
    set_locked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points
    from napari.utils.events import Event

_GROUP, _PART = "super_resolution", "part"
_TOP = 0.98
"""Quantile of a gene's counts that gets the brightest color."""
_OPACITY, _FAINT = 0.95, 0.5
"""Opacity of what was measured, and of what is interpolated: the stain is seen through it."""


class GeneLayers:
    """The layers of one result.

    Parameters
    ----------
    name
        Of the result, for instance "SRast 2×2 · C5". Layers of an earlier result of this name
        are reused, unless they are locked.
    ground
        The H&E under the result, or the spots of its slide; if it was moved, the layers follow it.
    found
        Layers of this very result that are shown already; see `over`.

    Attributes
    ----------
    gene
        The gene that is shown.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        outcome: Resolved,
        name: str,
        ground: Layer | None = None,
        *,
        found: Mapping[str, Layer] | None = None,
    ) -> None:
        from napari_spatialrecon.tissue.slide_frame import SlideFrame

        self.viewer, self.outcome, self.name = viewer, outcome, name
        self.gene = ""
        self._slide = SlideFrame.read(outcome.adata)
        self._affine = None if ground is None else moved(ground)
        self._tile = tile_slot(ground)
        self._found: dict[str, Layer] = {
            la.metadata[OURS][_PART]: la
            for la in viewer.layers
            if la.metadata.get(OURS, {}).get(_GROUP) == name and not is_locked(la)
        }
        self._colored = ""
        if found is None:
            self._forget_outdated()
        else:
            self._found = dict(found)

    @classmethod
    def over(cls, viewer: ViewerModel, outcome: Resolved, name: str) -> GeneLayers | None:
        """Return the layers of a result that are shown already; None if its image is not."""
        shown = {
            la.metadata[OURS][_PART]: la
            for la in viewer.layers
            if la.metadata.get(OURS, {}).get(_GROUP) == name
        }
        if "gene" not in shown:
            return None
        made = cls(viewer, outcome, name, found=shown)
        main = made.main
        made._affine = np.array(main.affine.affine_matrix)
        gene = main.name.removesuffix(f" · {name}")
        made.gene = gene if gene in outcome.genes else outcome.first_gene
        if "points" in shown:
            made.points.events.visible.connect(made._color_points)
        return made

    @property
    def main(self) -> Image:
        """The image of the gene."""
        return self._picture("gene")

    @property
    def before(self) -> Image:
        """The image of the gene as measured."""
        return self._picture("before")

    @property
    def points(self) -> Points:
        """The parts as points."""
        from napari.layers import Points

        layer = self._found["points"]
        assert isinstance(layer, Points), "the parts are points"
        return layer

    def _picture(self, part: str) -> Image:
        from napari.layers import Image

        layer = self._found[part]
        assert isinstance(layer, Image), "all but the parts are images"
        return layer

    def part(self, name: str) -> Layer | None:
        """Return "gene", "before", "gaps", "spread" or "points"; None once it was deleted."""
        layer = self._found.get(name)
        return layer if layer in self.viewer.layers else None

    def show(self, gene: str) -> None:
        """Draw a gene."""
        outcome, picture = self.outcome, self.outcome.picture
        self.gene, first = gene, self.part("gene") is None
        after, before = outcome.values(gene), outcome.measured(gene)
        limits = (0.0, _brightest(after))
        title = f"{gene} · {self.name}"
        words = f"{gene}, counts per part of a spot"
        seen, between = self._parted(after)
        measured, _ = self._parted(before)
        self._draw("before", f"{title} · as measured", measured, limits, words, visible=False)
        if picture.gap.any():
            self._draw("gaps", f"{title} · interpolated between spots", between, limits)
        self._draw("gene", title, seen, limits, words)
        if outcome.has_spread:
            spread, _ = self._parted(outcome.values(gene, "spread"))
            top = (0.0, _brightest(outcome.values(gene, "spread")))
            words = f"{gene}, standard deviation, counts per part"
            name = f"{title} · uncertainty"
            self._draw("spread", name, spread, top, words, "viridis", visible=False)
        if self.part("points") is None:
            self._add_points()
        self._name_points()
        if first:
            hide_other_results(self.viewer, self.main, list(self._found.values()))

    def show_whole(self) -> None:
        """Show the gene, with what is interpolated between spots."""
        self.show_before(False)

    def _parted(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a gene's image within spots, and between them; each NaN elsewhere."""
        picture = self.outcome.picture
        image, nothing = picture.image(values), np.float32(np.nan)
        return np.where(picture.gap, nothing, image), np.where(picture.gap, image, nothing)

    def show_before(self, before: bool) -> None:
        """Show the gene as measured, or super-resolved."""
        for name, visible in (("before", before), ("gene", not before), ("gaps", not before)):
            layer = self.part(name)
            if layer is not None and layer.visible != visible:
                layer.visible = visible

    def show_spread(self, on: bool) -> None:
        """Show the uncertainty in place of the gene, or the gene."""
        layer = self.part("spread")
        if layer is not None:
            layer.visible = on
            for name in ("gene", "gaps"):
                other = self.part(name)
                if other is not None:
                    other.visible = not on

    def lock(self, locked: bool) -> None:
        """Set whether reruns keep the layers."""
        for name in self._found:
            layer = self.part(name)
            if layer is not None:
                set_locked(layer, locked)

    # Layers

    def _draw(
        self,
        part: str,
        name: str,
        data: np.ndarray,
        limits: tuple[float, float],
        words: str = "",
        colormap: str = "magma",
        *,
        visible: bool = True,
    ) -> None:
        """Show an image as one part of the result; `words` is the title of its color bar."""
        from napari.layers import Image

        smooth = part == "gaps"
        if self.part(part) is None:
            layer = Image(
                data,
                colormap=colormap,
                contrast_limits=limits,
                blending="translucent_no_depth",
                opacity=_FAINT if smooth else _OPACITY,
                visible=visible,
                interpolation2d="linear" if smooth else "nearest",
                **self._frame(part),
            )
            self._found[part] = layer
            self.viewer.add_layer(layer)
        else:
            layer = self._picture(part)
            layer.data = data
            layer.contrast_limits_range = limits
            layer.contrast_limits = limits
        layer.name = name
        if words:
            show_bar(layer, words)

    def _add_points(self) -> None:
        from napari.layers import Points

        parts = self.outcome.parts
        details = {**self._details("points"), "provenance": dict(self.outcome.record)}
        data, kwargs, _ = cells_layer(
            self.outcome.adata,
            name=f"parts of spots · {self.name}",
            frame=self._slide,
            diameter=parts.size,
            metadata=details,
        )
        kwargs |= {"visible": False, "symbol": "square"}
        if self._affine is not None:
            kwargs["affine"] = self._affine
        layer = self._found["points"] = Points(data, **kwargs)
        layer.events.visible.connect(self._color_points)
        self.viewer.add_layer(layer)

    def _name_points(self) -> None:
        self._colored = ""
        if self.points.visible:
            self._color_points()

    def _color_points(self, event: Event | None = None) -> None:
        """Color the points by the gene once they are visible, since there may be many."""
        layer = self.points
        if not layer.visible or self._colored == self.gene:
            return
        self._colored = self.gene
        counts = np.full(len(layer.data), np.nan, np.float32)
        counts[self.outcome.adata.obs["has_counts"].to_numpy()] = self.outcome.values(self.gene)
        limits = (0.0, _brightest(counts[np.isfinite(counts)]))
        title = f"{self.gene}, counts per part"
        set_point_colors(layer, counts, kind="gene", title=title, colormap="magma", limits=limits)

    def _frame(self, part: str) -> dict[str, Any]:
        """Return the center of an image's first pixel, and the width of a pixel."""
        picture, um = self.outcome.picture, self._slide.um_per_unit or 1.0
        step = picture.units_per_pixel * um
        frame: dict[str, Any] = {
            "scale": (step, step),
            "translate": tuple(picture.origin[::-1] * um),
            "axis_labels": ("y", "x"),
            "metadata": {OURS: self._details(part)},
        }
        if self._slide.um_per_unit is not None:
            frame["units"] = ("um", "um")
        if self._affine is not None:
            frame["affine"] = self._affine
        return frame

    def _details(self, part: str) -> dict[str, Any]:
        return {
            "role": "result",
            "unit": "um" if self._slide.um_per_unit else "unit",
            "um_per_unit": self._slide.um_per_unit,
            _GROUP: self.name,
            _PART: part,
            LOCKED: False,
            **self._tile,
        }

    def _forget_outdated(self) -> None:
        """Keep images of an earlier result that cover the same field; remove other layers."""
        frame = self._frame("gene")
        for part, layer in list(self._found.items()):
            fits = part in ("gene", "before", "gaps") and _same_field(
                layer, frame, self.outcome.picture.shape
            )
            if not fits:
                del self._found[part]
                self.viewer.layers.remove(layer)


def _same_field(layer: Layer, frame: dict[str, Any], shape: tuple[int, int]) -> bool:
    placed = np.allclose(layer.scale, frame["scale"]) and np.allclose(
        layer.translate, frame["translate"]
    )
    affine = np.asarray(frame.get("affine", np.eye(3)))
    return bool(
        placed and layer.data.shape == shape and np.allclose(layer.affine.affine_matrix, affine)
    )


def _brightest(values: np.ndarray) -> float:
    positive = values[values > 0]
    return float(np.quantile(positive, _TOP)) if len(positive) else 1.0
