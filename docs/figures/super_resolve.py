"""Draw a marker gene over the H&E, as measured and super-resolved.

    PYTHONPATH=. python docs/figures/super_resolve.py OUT.png st_mob_he/MOB1.h5ad Doc2g --data DIR \
        [--factor 7] [--method srast] [--guided]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from experiments.data import add_data_option, run

from napari_spatialrecon.evaluation.pictures import save_png
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.images import Histology, histology

#: Most variable genes that are split together, so that the slide can be aligned.
GENES = 400


def draw(axis, image, extent, title, histo: Histology, top: float, gap=None) -> object:
    rgb, units = histo.thumbnail(1400)
    axis.imshow(rgb, extent=(0, rgb.shape[1] * units, rgb.shape[0] * units, 0), alpha=0.55)
    shown = axis.imshow(image, extent=extent, cmap="magma", vmin=0, vmax=top, alpha=0.85)
    if gap is not None:
        veil = np.where(gap, 0.45, 0.0)
        axis.imshow(np.ones((*gap.shape, 3)), extent=extent, alpha=veil)
    axis.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[], title=title)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("slide", help="file in the folder of data, or any other")
    add_data_option(parser)
    parser.add_argument("gene")
    parser.add_argument("--factor", default="7")
    parser.add_argument("--method", default="srast")
    parser.add_argument("--guided", action="store_true")
    options = parser.parse_args()
    slide = options.data.read(options.slide)
    counts = slide.layers.get("counts", slide.X)
    total = np.asarray(counts.sum(axis=0)).ravel()
    often = set(slide.var_names[np.argsort(-total)[:GENES]]) | {options.gene}
    slide = slide[:, [g for g in slide.var_names if g in often]].copy()
    image = histology(slide, options.data.find(options.slide).parent)
    assert image is not None, "the slide has no image"
    config = SRastConfig() if options.method == "srast" else None
    guide = image if options.guided else None
    after = super_resolve(
        slide, options.factor, method=options.method, config=config, histology=guide
    )
    before = super_resolve(slide, options.factor, method="uniform")
    picture = after.picture(image)
    rows, columns = picture.shape
    left, top = picture.origin - picture.units_per_pixel / 2
    width, height = np.array([columns, rows]) * picture.units_per_pixel
    extent = (left, left + width, top + height, top)
    figure, axes = plt.subplots(1, 2, figsize=(13, 6.2), layout="constrained")
    values = after.values(options.gene)
    most = float(np.quantile(values[values > 0], 0.98))
    plain = picture.image(before.values(options.gene))
    plain[picture.gap] = np.nan
    draw(axes[0], plain, extent, "As measured: one value a spot", image, most)
    guided = after.record.metrics.get("guide_exponent", 0) > 0
    name = f"{options.method}, guided by the H&E" if guided else options.method
    parts = after.parts.factor.parts
    title = f"{parts} parts a spot ({name}); pale: gaps, interpolated"
    shown = draw(axes[1], picture.image(values), extent, title, image, most, picture.gap)
    figure.colorbar(shown, ax=axes, shrink=0.8, label=f"{options.gene}, counts of a part")
    figure.suptitle(f"{options.gene} on {Path(options.slide).stem}. {after.verdict}")
    save_png(figure, options.out)
    print(*after.notes, sep="\n")


if __name__ == "__main__":
    run(main)
