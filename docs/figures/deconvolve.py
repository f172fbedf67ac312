"""Take screenshots of Deconvolve, and of COME in Place cells, in the real window.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" \
        python docs/figures/deconvolve.py --data DIR --out docs/images

Real tissue: MERFISH pseudo-spots and single-cell RNA of mouse motor cortex, and sections C2, C3 and
C5 of a HER2-positive breast cancer; sources are given in each file's ``uns["source"]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from anndata import AnnData
from experiments.data import add_data_option, run
from napari.layers import Layer
from window import THEMES, Story, until

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

EVERY = 8
"""Of the reference's cells one in so many is used: the picture, not the figures, is wanted."""
TYPE = "L2/3 IT"


def cortex(data: DataFolder) -> tuple[AnnData, AnnData]:
    """Return spots and labelled cells of mouse motor cortex."""
    spots = data.read("mop_merfish_scrna/merfish_pseudospots.h5ad")
    cells = data.read("mop_merfish_scrna/scrna_mop.h5ad")
    return spots, cells[::EVERY].copy()


def show(told: Story, adata: AnnData, name: str) -> None:
    for layer in table_layers(adata, name):
        told.viewer.add_layer(Layer.create(*layer))
    show_tissue(told.viewer)


def deconvolve(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Empty, ready, done, one type, the table, and a reference whose genes are other ones."""
    told = Story(out, themes)
    told.dock("Deconvolve")
    told.picture("window_deconvolve_empty")
    spots, cells = cortex(data)
    space = workspace_of(told.viewer)
    show(told, spots, "motor cortex")
    space.add("scRNA motor cortex", Role.QUERY, adata=cells)
    widget = told.widget
    until(widget.panel.run_button.isEnabled)
    told.picture("window_deconvolve_ready")
    told.run()
    widget.area.verticalScrollBar().setValue(widget.mixtures.y() - 60)
    told.picture("window_deconvolve")
    widget._on_spot(200)
    widget.area.verticalScrollBar().setValue(10**6)
    told.viewer.scene.camera.zoom *= 3
    told.viewer.scene.camera.center = (0.0, *widget.layer.data[200])
    told.picture("window_deconvolve_spot")
    show_tissue(told.viewer)
    widget.mixtures.choose_type(widget.model.outcome.types.index(TYPE))
    told.picture("window_deconvolve_type")
    wrong = cells[:500].copy()
    wrong.var_names = [f"ENSG{i:011d}" for i in range(wrong.n_vars)]
    space.add("cells under other gene names", Role.QUERY, adata=wrong)
    widget.model.reference = space.named("cells under other gene names")
    until(lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines))
    widget.area.verticalScrollBar().setValue(0)
    told.picture("window_deconvolve_refused")
    told.close()


def long_names(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    told = Story(out, themes)
    told.dock("Deconvolve")
    spots, cells = cortex(data)
    kinds = ["Mesenchymal stromal cells, activated", "T", "Perivascular-like (differentiated)"]
    cells.obs["annotation by the consortium, revised in spring"] = np.array(
        [f"{kinds[i % 3]} {i % 30}" for i in range(cells.n_obs)]
    )
    middle = np.median(spots.obsm["spatial"][:, 0])
    deep = spots.obsm["spatial"][:, 0] > middle
    spots.obs["domain"] = np.where(deep, "on the side of the third ventricle", "other")
    space = workspace_of(told.viewer)
    name = "Patient 0042 relapse biopsy, nuclei after FACS, pool 3 of 7, resequenced"
    show(told, spots, f"{name}, spots")
    space.add(name, Role.QUERY, adata=cells)
    model, inputs = told.widget.model, told.widget.inputs
    model.labels = "annotation by the consortium, revised in spring"
    inputs.method.setCurrentIndex(inputs.method.findData("knn"))
    until(told.widget.panel.run_button.isEnabled)
    told.run()
    box = told.widget.mixtures.group
    box.setCurrentIndex(box.findData("domain"))
    box.activated.emit(box.currentIndex())
    told.widget.area.verticalScrollBar().setValue(10**6)
    told.picture("window_deconvolve_long_names")
    told.close()


def mapping(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """C5 placed by COME: where one of its spots may lie on C3, and the cells of one spot."""
    told = Story(out, themes)
    told.open(data)
    inputs = told.widget.inputs
    space = workspace_of(told.viewer)
    image = next(e for e in told.widget.model.images if e.name.startswith("C3"))
    told.widget.model.image = image
    inputs.choose_cells(space.named("C5 spots"))
    inputs.method.setCurrentIndex(inputs.method.findData("come"))
    until(told.widget.panel.run_button.isEnabled)
    told.run()
    panel = told.widget.mapping
    told.widget.area.verticalScrollBar().setValue(10**6)
    panel.show_cell(60)
    told.zoom_to("C3 H&E")
    told.picture("window_mapping_cell")
    panel.show_spot(panel.on.shown, 80)
    told.picture("window_mapping_spot")
    told.close()


PARTS = {"deconvolve": deconvolve, "names": long_names, "mapping": mapping}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", nargs="*", choices=THEMES, default=THEMES)
    parser.add_argument("--only", choices=tuple(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        if options.only in (None, name):
            part(options.data, options.out, options.theme)


if __name__ == "__main__":
    run(main)
