"""Imputed genes in the viewer: one gene at a time as spots or image, next to its measurement.

Another gene reuses the same layers. The slide's own points get its values as a feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.colors import COLORMAPS, color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.tiles import tile_slot
from napari_spatialrecon.viewer.canvas.twin_layers import find_twin, forget_twin, twin
from napari_spatialrecon.viewer.impute_genes.job import Imputed
from napari_spatialrecon.viewer.task.result_layers import show_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

_EMPTY = "empty"
_APART = 1.08
"""Offset of the measured gene to the right, in widths of the slide."""
_PIXELS = 400
"""Pixels along the longer side of the image of a gene."""
_REACH = 1.6
"""Distance to the nearest spot, in spacings, beyond which there is no tissue."""
_LEAST_PIXELS = 3.5
"""Smallest size of a spot on screen, so that dense spots stay visible."""
_IMAGE_OF, _CAPTIONS = "gene_image_of", "captions_of"
_ABOVE = 0.07
"""Distance of a caption's middle above its map, as a share of the longer side of the map."""
_INK = "#E69F00"


@dataclass(frozen=True, eq=False)
class _Grid:
    """Pixels of an image of spots.

    Parameters
    ----------
    low : (2,) as (y, x)
        Corner of the first pixel, in the data of the spots.
    pixel
        Side of a pixel.
    owner, outside : (rows, columns)
        Nearest spot of each pixel, and whether that is too far.
    """

    low: np.ndarray
    pixel: float
    owner: np.ndarray
    outside: np.ndarray

    def drawn(self, values: np.ndarray) -> np.ndarray:
        """Return the values of the spots (n_spots,) as a picture, NaN outside."""
        picture = values[self.owner]
        picture[self.outside] = np.nan
        return picture


class GeneLayers:
    """The layers of one result.

    Parameters
    ----------
    name
        Of the result; the layers of an earlier result of this name are replaced.
    spots
        The slide's own layer, whose features are updated; None if it was deleted.
    image
        The H&E under the result.
    frame
        The slide in whose frame the result lies, where there is no H&E.
    main
        The layer of this very result, if it is shown already; see `over`.

    Attributes
    ----------
    gene
        The gene that is shown.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        outcome: Imputed,
        name: str,
        *,
        spots: Points | None = None,
        diameter_um: float | None = None,
        image: Image | None = None,
        frame: Points | None = None,
        main: Points | None = None,
    ) -> None:
        self.viewer, self.outcome, self.name, self.spots = viewer, outcome, name, spots
        self.gene, self.spread, self.compared = "", False, True
        if main is not None:
            self.main = main
            return
        forget_twin(viewer, self._twin_name)
        self.main = show_result(
            viewer,
            outcome,
            name,
            diameter_um=diameter_um,
            image=image,
            frame=frame,
            color=_EMPTY,
        )
        least, most = self.main.canvas_size_limits
        self.main.canvas_size_limits = (max(least, _LEAST_PIXELS), most)
        self.show_image(False)

    @classmethod
    def over(cls, viewer: ViewerModel, outcome: Imputed, name: str, main: Points) -> GeneLayers:
        """Return the layers of a result that are shown already."""
        made = cls(viewer, outcome, name, main=main)
        key = color_key(main)
        gene = "" if key is None else key.title.partition(",")[0]
        made.gene = gene if gene in outcome.adata.var_names else outcome.first_gene
        made.spread = key is not None and key.kind == "uncertainty"
        return made

    def show(self, gene: str) -> None:
        """Show a gene, and its measurement if it was held out."""
        self.gene = gene
        values = self.outcome.values(gene)
        for layer in (self.main, self.spots):
            if layer is not None and layer in self.viewer.layers:
                _add_feature(layer, f"{gene} imputed", values)
        self._paint()

    def show_spread(self, on: bool) -> None:
        """Show the uncertainty of the gene instead of its values."""
        self.spread = on
        self._paint()

    def compare(self, on: bool) -> None:
        """Show held-out genes as measured, to the right."""
        self.compared = on
        self._paint()

    def show_image(self, on: bool) -> None:
        """Show or remove an image of the gene, each pixel with the value of its nearest spot."""
        old = self.image
        if old is not None and not on:
            self.viewer.layers.remove(old)
        elif old is None and on:
            self.viewer.add_layer(self._new_image())
            self.viewer.layers.selection = {self.main}
        if on:
            self._paint_image()
        self._paint_measured_image()
        self._raise_captions()

    @property
    def image(self) -> Image | None:
        """The gene as an image; None while it is not shown."""
        from napari.layers import Image

        images = (layer for layer in self.viewer.layers if isinstance(layer, Image))
        mine = (la for la in images if la.metadata.get(OURS, {}).get(_IMAGE_OF) == self.name)
        return next(mine, None)

    @property
    def image_beside(self) -> Image | None:
        """The measured gene as an image; None while it is not shown."""
        from napari.layers import Image

        images = (layer for layer in self.viewer.layers if isinstance(layer, Image))
        mine = (x for x in images if x.metadata.get(OURS, {}).get(_IMAGE_OF) == self._twin_name)
        return next(mine, None)

    @property
    def beside(self) -> Points | None:
        """The measured gene; None if it was not measured, or is not shown."""
        return find_twin(self.viewer, self._twin_name)

    @property
    def captions(self) -> Points | None:
        """What is written above the maps; None while there is one map."""
        from napari.layers import Points

        points = (layer for layer in self.viewer.layers if isinstance(layer, Points))
        mine = (x for x in points if x.metadata.get(OURS, {}).get(_CAPTIONS) == self.name)
        return next(mine, None)

    @property
    def _scale(self) -> dict[str, Any]:
        """What the metadata of the spots tell of their scale."""
        held = self.main.metadata.get(OURS, {})
        return {key: held[key] for key in ("unit", "um_per_unit") if key in held}

    @property
    def _twin_name(self) -> str:
        return f"{self.name} · measured"

    def _paint(self) -> None:
        if self.main not in self.viewer.layers or not self.gene:
            return
        outcome, gene = self.outcome, self.gene
        values, truth = outcome.values(gene), outcome.measured(gene)
        origin = str(outcome.adata.var.loc[gene, "origin"])
        word = "measured" if origin == "measured" else "imputed"
        if self.spread:
            title = f"{gene}, uncertainty of log expression"
            set_point_colors(self.main, outcome.spread(gene), kind="uncertainty", title=title)
        else:
            title = f"{gene}, {word}, log expression"
            set_point_colors(
                self.main, values, kind="gene", title=title, limits=_limits(values, truth)
            )
        if truth is not None and self.compared and not self.spread:
            self._paint_beside(truth, _limits(values, truth))
        else:
            forget_twin(self.viewer, self._twin_name)
        self._write_captions(word)
        self._paint_image()
        self._paint_measured_image()
        self._raise_captions()

    def _write_captions(self, word: str) -> None:
        """Write above the two maps which is imputed and which measured."""
        from napari.layers import Points

        old, beside = self.captions, self.beside
        if beside is None:
            if old is not None:
                self.viewer.layers.remove(old)
            return
        places = []
        for layer in (self.main, beside):
            low, high = np.asarray(layer.extent.world, float)[:, -2:]
            places.append([low[0] - _ABOVE * (high - low).max(), (low[1] + high[1]) / 2])
        texts = [f"{self.gene}, {word}", f"{self.gene}, measured"]
        if old is not None:
            old.data, old.features = np.array(places), {"caption": texts}
            return
        layer = Points(
            np.array(places),
            size=1e-6,
            name=f"{self.name} · captions",
            features={"caption": texts},
            text={"string": "{caption}", "size": 11, "color": _INK, "anchor": "center"},
            face_color="transparent",
            border_color="transparent",
            units=self.main.units,
            axis_labels=self.main.axis_labels,
            metadata={OURS: {"role": "marks", _CAPTIONS: self.name, **self._scale}},
        )
        self.viewer.add_layer(layer)
        self.viewer.layers.selection = {self.main}

    def _raise_captions(self) -> None:
        """Draw the captions over the images, which were added later."""
        layers, captions = self.viewer.layers, self.captions
        if captions is not None and layers[-1] is not captions:
            layers.move(layers.index(captions), -1)

    def _paint_beside(self, truth: np.ndarray, limits: tuple[float, float]) -> None:
        new = self.beside is None
        layer = twin(self.viewer, self.main, self._twin_name)
        if new:
            affine = np.array(self.main.affine.affine_matrix[-3:, -3:])
            width = np.ptp(self.main.data[:, -1]) * self.main.scale[-1]
            affine[:2, 2] += affine[:2, 1] * width * _APART
            layer.affine = affine
        title = f"{self.gene}, measured, log expression"
        set_point_colors(layer, truth, kind="gene", title=title, limits=limits)
        show_bar(layer, None)  # the colors are those of the imputed map
        self.viewer.layers.selection = {self.main}

    def _paint_measured_image(self) -> None:
        """Show the measured gene as an image too, in the same colors, where its points are."""
        shown, beside, old = self.image, self.beside, self.image_beside
        truth = self.outcome.measured(self.gene) if self.gene else None
        if shown is None or beside is None or truth is None:
            if old is not None:
                self.viewer.layers.remove(old)
            return
        if old is None:
            old = self._new_image()
            old.metadata = {OURS: {"role": "result", _IMAGE_OF: self._twin_name, **self._scale}}
            old.affine = beside.affine.affine_matrix[-3:, -3:]
            self.viewer.add_layer(old)
            self.viewer.layers.selection = {self.main}
        old.data, old.name = self._grid.drawn(truth), f"{self.gene} · image, measured"
        for layer in (shown, old):
            layer.contrast_limits = _limits(self.outcome.values(self.gene), truth)

    @cached_property
    def _grid(self) -> _Grid:
        """The pixels of an image of the spots."""
        from napari_spatialrecon.geometry.neighbours import nearest

        places = np.asarray(self.main.data, float)
        _, apart = nearest(places, 1)
        reach = _REACH * float(np.median(apart)) or 1.0
        low, high = places.min(axis=0) - reach / 2, places.max(axis=0) + reach / 2
        pixel = float((high - low).max()) / _PIXELS
        rows, columns = (np.ceil((high - low) / pixel)).astype(int)
        y, x = np.mgrid[:rows, :columns]
        centers = low + pixel * (np.column_stack([y.ravel(), x.ravel()]) + 0.5)
        owner, distance = nearest(places, 1, queries=centers)
        shape = rows, columns
        return _Grid(low, pixel, owner[:, 0].reshape(shape), (distance > reach).reshape(shape))

    def _new_image(self) -> Image:
        from napari.layers import Image

        grid = self._grid
        scale = np.asarray(self.main.scale, float)
        return Image(
            np.zeros(grid.owner.shape, np.float32),
            name=f"{self.name} · image",
            scale=tuple(scale * grid.pixel),
            translate=tuple(scale * (grid.low + grid.pixel / 2)),
            units=self.main.units,
            axis_labels=self.main.axis_labels,
            colormap=COLORMAPS["gene"],
            affine=self.main.affine.affine_matrix[-3:, -3:],
            metadata={
                OURS: {
                    "role": "result",
                    _IMAGE_OF: self.name,
                    **self._scale,
                    **tile_slot(self.main),
                }
            },
        )

    def _paint_image(self) -> None:
        layer = self.image
        if layer is None:
            return
        of = self.outcome.spread if self.spread else self.outcome.values
        values = of(self.gene)
        layer.data = self._grid.drawn(values)
        layer.colormap = COLORMAPS["uncertainty" if self.spread else "gene"]
        layer.contrast_limits = _limits(values, None)
        layer.name = f"{self.gene} · image"


def _add_feature(layer: Points, name: str, values: np.ndarray) -> None:
    features = layer.features
    if len(features) == len(values):
        layer.features = features.assign(**{name: values})


def _limits(values: np.ndarray, truth: np.ndarray | None) -> tuple[float, float]:
    """Return one range for a gene and its truth, so that colors mean the same in both."""
    both = values if truth is None else np.concatenate([values, truth])
    both = both[np.isfinite(both)]
    top = float(np.quantile(both, 0.99)) if len(both) else 1.0
    low = float(both.min()) if len(both) else 0.0
    return low, top if top > low else low + 1.0
