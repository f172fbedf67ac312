"""Drive the real window through Place cells, with a screenshot of each step.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" \
        python docs/figures/place_cells.py --data DIR --out docs/images

Real tissue: sections C2, C3 and C5 of a HER2-positive breast cancer, Andersson et al. 2021
(github.com/almaan/her2st, as stated in each file's ``uns["source"]``). C5's coordinates are hidden.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from anndata import AnnData
from experiments.data import add_data_option, run
from napari.layers import Layer
from window import PLUGIN, SECTIONS, THEMES, Story, settle, until

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import COMMUNITY
from napari_spatialrecon.viewer.canvas.layers import cells_layer, to_layer
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

GENE = "ERBB2"
FLY_GENES = ("vnd", "sog", "sim", "wg", "Ubx", "hh", "sna")


def story(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    told = Story(out, themes)
    told.picture("window_empty")
    told.open(data)
    told.check_array()
    told.picture("window_open")
    told.choose("dpvae")
    told.picture("window_ready")
    told.widget.inputs.settings.open_beside()
    told.picture("window_settings")
    told.widget.inputs.settings.close()
    told.run("window_running")
    told.zoom_to("C5 H&E")
    told.picture("window_done")
    told.color(GENE)
    told.picture("window_gene")
    told.color("uncertainty")
    told.widget.result.fade.setChecked(True)
    told.picture("window_faded")
    told.close()


def errors(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """What is wrong with an input stands in the widget."""
    told = Story(out, themes)
    told.open(data)
    space = workspace_of(told.viewer)
    slide = space.named("C5 spots").adata
    logged = AnnData(np.log1p(slide.X.toarray()[:60]), var=slide.var)
    space.add("cells after log transformation", Role.QUERY, adata=logged)
    told.widget.model.query = space.named("cells after log transformation")
    until(lambda: any(tone == "wrong" for tone, _ in told.widget.panel.checks.lines))
    told.picture("window_refused")
    told.widget.panel._fail(MemoryError())
    told.picture("window_failed")
    told.widget.model.query = space.named("C5 spots")
    image = told.viewer.layers["C5 H&E"]
    pixels = np.asarray(image.data[0] if image.multiscale else image.data)
    scan = told.viewer.add_image(pixels, rgb=True, name="scan of the neighbouring section, 40x")
    told.widget.model.image = space.named(scan.name)
    told.widget.inputs.scale.setText("minus one")
    told.widget.inputs.scale_button.click()
    told.picture("window_scale_asked")
    told.close()


def recolored(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """The sample in an empty window, colored by a category, with a few categories hidden."""
    told = Story(out, themes)
    told.widget.empty.sample_button.click()
    until(told.widget.panel.run_button.isEnabled)
    inputs = told.widget.inputs
    inputs.method.setCurrentIndex(inputs.method.findData("knn"))
    until(told.widget.panel.run_button.isEnabled)
    told.run()
    told.color("cell_type")
    told.picture("window_sample")
    told.close()


def long_names(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    told = Story(out, themes)
    told.open(data)
    space = workspace_of(told.viewer)
    slide = space.named("C5 spots").adata
    name = "Patient 0042 relapse biopsy, nuclei after FACS, pool 3 of 7, resequenced"
    cells = slide.copy()
    del cells.obsm["spatial"]
    kinds = ["Mesenchymal stromal cells, activated", "T", "Perivascular-like (differentiated)"]
    cells.obs["cell_type"] = np.array([f"{kinds[i % 3]} {i % 24}" for i in range(cells.n_obs)])
    space.add(name, Role.QUERY, adata=cells)
    told.widget.model.query = space.named(name)
    inputs = told.widget.inputs
    inputs.method.setCurrentIndex(inputs.method.findData("knn"))
    until(told.widget.panel.run_button.isEnabled)
    told.run()
    told.color("cell_type")
    told.picture("window_long_names")
    told.close()


def gears(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """C5 placed by GEARS on its H&E, and what the result says of itself."""
    told = Story(out, themes)
    told.open(data)
    told.choose("gears", **{"patches.one_shot": 0, "patches.size": 96})
    told.run()
    told.zoom_to("C5 spots")
    told.picture("window_gears")
    told.color(COMMUNITY)
    told.picture("window_gears_communities")
    told.close()


def encoder(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Train encoder: empty, while it trains, its result, and a folder that holds none."""
    told = Story(out, themes)
    told.dock("Train encoder")
    told.picture("window_encoder_empty")
    told.open(data)
    space = workspace_of(told.viewer)
    told.widget.model.query = space.named("C5 spots")
    until(told.widget.panel.run_button.isEnabled)
    told.widget.panel.run_button.click()
    model = told.widget.model
    until(lambda: len(model.curves.measured["probe"]) > 5 or not model.running)
    told.picture("window_encoder_running")
    until(lambda: not model.running)
    if model.error is not None:
        raise model.error
    until(lambda: told.widget.scatter is not None)
    settle()
    told.widget.area.verticalScrollBar().setValue(10**6)
    told.picture("window_encoder")
    told.widget.load(str(data.path))
    told.widget.area.ensureWidgetVisible(told.widget.panel.notice)
    told.picture("window_encoder_refused")
    told.close()


def super_resolve(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Super-resolve: empty, ready, a marker gene before and after, parts, and what is refused."""
    told = Story(out, themes)
    told.dock("Super-resolve")
    told.picture("window_super_empty")
    told.viewer.open([str(data.find("st_her2_he/C5.h5ad"))], plugin=PLUGIN)
    show_tissue(told.viewer)
    widget, inputs = told.widget, told.widget.inputs
    inputs.factor.setCurrentIndex(inputs.factor.findData("7"))
    inputs.factor.activated.emit(inputs.factor.currentIndex())
    inputs.genes.setCurrentIndex(1)
    inputs.genes.activated.emit(1)
    inputs.gene_list.add("ERBB2, GRB7, CD74, COL1A1, KRT19, IGKC, FN1, ACTG1")
    inputs.method.setCurrentIndex(inputs.method.findData("srast"))
    inputs.form.set_values({"flow.draws": 4, "adapt.steps": 60})
    until(widget.panel.run_button.isEnabled)
    told.picture("window_super_ready")
    told.run()
    widget.show_gene(GENE)
    told.picture("window_super")
    widget.genes.measured.setChecked(True)
    told.picture("window_super_before")
    widget.genes.resolved.setChecked(True)
    widget.genes.spread.setChecked(True)
    told.picture("window_super_uncertainty")
    widget.genes.spread.setChecked(False)
    widget.show_gene("Mki67, which is a gene of mice")
    widget.area.ensureWidgetVisible(widget.panel.notice)
    told.picture("window_super_refused")
    widget.panel.notice.clear()
    long = "Patient 0042 relapse biopsy, nuclei after FACS, pool 3 of 7, resequenced"
    widget.model.genes = [f"{name} ({long})" for name in ("ERBB2", "GRB7")]
    until(lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines))
    widget.area.ensureWidgetVisible(widget.inputs)
    told.picture("window_super_long_names")
    told.close()


def embryo(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Cells of a fly embryo (Drop-seq, Karaiskos et al. 2017) on the atlas of its marker genes."""
    told = Story(out, themes)
    space = workspace_of(told.viewer)
    atlas, cells = fly(data)
    for layer in table_layers(atlas, "fly embryo"):
        told.viewer.add_layer(Layer.create(*layer))
    space.add("Drop-seq cells", Role.QUERY, adata=cells)
    show_tissue(told.viewer)
    inputs = told.widget.inputs
    inputs.method.setCurrentIndex(inputs.method.findData("gears"))
    until(told.widget.panel.run_button.isEnabled)
    told.run()
    told.viewer.layers[0].visible = False
    told.color("ftz")
    told.picture("window_embryo")
    told.close()


def genes(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Impute genes of the fly embryo: empty, chosen, a held-out gene, the table, and refused."""
    told = Story(out, themes)
    told.dock("Impute genes")
    told.picture("window_genes_empty")
    space = workspace_of(told.viewer)
    atlas, cells = fly(data)
    del atlas.layers["counts"]
    for layer in table_layers(atlas, "fly embryo"):
        told.viewer.add_layer(Layer.create(*layer))
    space.add("Drop-seq cells", Role.QUERY, adata=cells)
    show_tissue(told.viewer)
    widget, inputs = told.widget, told.widget.inputs
    inputs.gene_list.add(", ".join(FLY_GENES))
    inputs.method.setCurrentIndex(inputs.method.findData("spadit"))
    inputs.form.set_values({"network.on": False})
    until(widget.panel.run_button.isEnabled)
    told.picture("window_genes_ready")
    told.run()
    show_tissue(told.viewer)
    widget.area.ensureWidgetVisible(widget.genes.save_button)
    told.picture("window_genes")
    widget.show_gene(FLY_GENES[0])
    widget.genes.picture.setChecked(True)
    told.picture("window_genes_image")
    names = [f"unnamed transcript {i}" for i in range(cells.n_vars)]
    other = AnnData(cells.X, obs=cells.obs, var=cells.var.set_axis(names, axis=0))
    space.add("cells whose genes have other names", Role.QUERY, adata=other)
    widget.model.reference = space.named("cells whose genes have other names")
    until(lambda: any(tone == "wrong" for tone, _ in widget.panel.checks.lines))
    inputs.gene_list.add("ftz eve")
    widget.area.ensureWidgetVisible(inputs.slide)
    told.picture("window_genes_refused")
    told.close()


def landmarks(data: DataFolder, out: Path, themes: Sequence[str]) -> None:
    """Landmarks and Align to histology: empty, long names, what is refused, automatic start."""
    told = Story(out, themes)
    told.dock("Landmarks")
    told.picture("window_landmarks_empty")
    told.open(data)
    slides = {name: data.read(f"st_her2_he/{name}.h5ad") for name in SECTIONS}
    references = {name: slides[name] for name in SECTIONS[:2]}
    placed = place(references, hide_places(slides["C5"]), method="knn").adata
    true = slides["C5"][placed.obs_names]
    true = np.asarray(true.obsm["spatial"]) * contract.um_per_unit(true)
    placed.obs_names = [f"Patient 0042 relapse biopsy {name}" for name in placed.obs_names]
    name = "Patient 0042 relapse biopsy, nuclei after FACS, pool 3 of 7 · kNN (spatial LDA)"
    layer = told.viewer.add_layer(Layer.create(*cells_layer(placed, name=name)))
    for other in told.viewer.layers:
        hidden = other.name.startswith(SECTIONS) and other.name != "C5 H&E"
        other.visible = not hidden
    told.widget.image.setCurrentIndex(told.widget.image.findText("C5 H&E"))
    told.widget.begin()
    show_tissue(told.viewer)
    told.widget.pick.click()
    model = told.widget.session.model
    for _ in range(6):
        until(lambda: told.widget.session.suggested is not None)
        model.pick(told.widget.session.suggested)
        told.widget.on_click(true[model.picked, ::-1])
        settle()
    until(lambda: model.errors()[-1].left_out is not None)
    told.picture("window_landmarks")
    model.pick(3)
    told.widget.on_click(np.array([-9e4, 0.0]))
    told.picture("window_landmarks_refused")
    told.dock("Align to histology")
    told.widget.layer.setCurrentIndex(told.widget.layer.findText(name))
    told.widget.image.setCurrentIndex(told.widget.image.findText("C5 H&E"))
    layer.data = to_layer(contract.coordinates(placed), contract.um_per_unit(placed))
    told.widget.begin()
    show_tissue(told.viewer)
    told.picture("window_align_before")
    told.widget.auto.click()
    until(lambda: "expression" in told.widget.verdict.text())
    show_tissue(told.viewer)
    told.picture("window_align_auto")
    for row in (0, 40, 80, 120, 160):
        told.widget.on_click(told.widget.session.model.moved[row, ::-1])
        told.widget.on_click(true[row, ::-1] + (2500.0 if row == 80 else 0.0))
    told.widget.on_click(told.widget.session.model.moved[3, ::-1])
    told.widget.on_click(np.array([-9e4, 0.0]))
    told.picture("window_align_refused")
    told.close()


def fly(data: DataFolder) -> tuple[AnnData, AnnData]:
    """Return the atlas, its genes under the names of the cells' and on or off, and the cells."""
    atlas, cells = (
        data.read(f"drosophila_bdtnp/{n}.h5ad") for n in ("atlas_bdtnp", "scrna_dropseq")
    )
    atlas.var_names = atlas.var["scrna_name"].astype(str)
    atlas.layers["counts"] = atlas.layers["binarized"]
    return atlas, cells


PARTS = {
    "story": story,
    "errors": errors,
    "names": long_names,
    "sample": recolored,
    "gears": gears,
    "encoder": encoder,
    "super": super_resolve,
    "embryo": embryo,
    "genes": genes,
    "landmarks": landmarks,
}


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
