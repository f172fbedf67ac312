"""The window that the story of the workbench is played in, and the tissue that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
from hand import Hand
from window import DOCK, PLUGIN, in_themes, settle, until, write

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.place.job import Placed, PlaceJob
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

TYPE, TUMOR = "type", "Tumor"
MARKERS = {
    TUMOR: ("ERBB2", "GRB7", "KRT19", "KRT8", "KRT18", "EPCAM", "CDH1", "TFF3"),
    "Immune": ("CD74", "HLA-DRA", "IGKC", "IGHG1", "CD3E", "CXCR4", "TRAC", "PTPRC"),
    "Stroma": ("COL1A1", "COL1A2", "COL3A1", "FN1", "SPARC", "DCN", "LUM", "VIM"),
    "Fat": ("ADIPOQ", "FABP4", "PLIN1", "PLIN4", "G0S2", "SAA1", "ADH1B"),
}
"""Genes that a spot's type is told by."""


class Bench:
    """One viewer with the workbench docked, photographed step by step."""

    def __init__(self, out: Path, themes: Sequence[str], size: tuple[int, int]) -> None:
        self.out, self.themes, self.size = out, themes, size
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = themes[0]
        self.window = self.viewer.window._qt_window
        self.window.resize(*size)
        self.window.activateWindow()
        workspace_of(self.viewer, memory=Memory({}))
        _, self.dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        self.space, self.hand = self.dock.space, Hand(self.viewer)
        self.tabs = self.dock.tabs
        settle(1.0)

    def picture(self, name: str) -> None:
        settle(1.0)
        in_themes(self.viewer, self.themes, lambda theme: self._shoot(name, theme))

    def _shoot(self, name: str, theme: str) -> None:
        self.save(name, theme, self.viewer.window.screenshot(canvas_only=False, flash=False))

    def save(self, name: str, theme: str, pixels: np.ndarray) -> None:
        write(pixels, self.out / f"workbench_{name}_{self.size[0]}_{theme}.png")

    def turn_to(self, tab: str) -> None:
        """Turn to a tab of the workbench, which another dock may cover."""
        self.hand.raise_dock(self.dock)
        self.hand.tab(self.dock.pages.tabBar(), tab)

    def layer(self, name: str) -> None:
        """Choose a layer in Inspect."""
        self.hand.choose(self.tabs["inspect"].combo, self.viewer.layers[name])

    def show_only(self, *names: str) -> None:
        """Switch layers on or off by the eyes in napari's list."""
        for layer in self.viewer.layers:
            if layer.visible != (layer.name in names):
                self.hand.eye(layer)

    @property
    def search(self) -> Any:
        return self.tabs["inspect"].parts[ColorPart].search

    @property
    def selection(self) -> LassoPart:
        part = self.tabs["inspect"].parts[LassoPart]
        assert isinstance(part, LassoPart)
        return part

    @property
    def task(self) -> Any:
        """The widget of the task that is chosen in Reconstruct."""
        return self.tabs["reconstruct"].current

    def run(self) -> None:
        """Run the task, and wait for its end."""
        self.hand.click(self.task.panel.run_button)
        settle(2.0)
        if self.task.model.running:
            self.picture("running")
        until(lambda: not self.task.model.running, 900)
        if self.task.model.error is not None:
            raise self.task.model.error
        print(self.task.result.verdict.text(), flush=True)
        settle(1.0)

    def canvas(self) -> np.ndarray:
        """Return what the canvas shows, (height, width, 3)."""
        settle(1.0)
        return self.viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def close(self) -> None:
        for result in self.space.results.unsaved:
            self.space.results.mark_saved(result, "")
        self.viewer.close()
        settle()


def pixels_of(widget: Any) -> np.ndarray:
    """Return what a widget shows as (height, width, 3) bytes."""
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    content = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    return content.reshape(image.height(), image.width(), 4)[..., 2::-1]


def two_files(data: DataFolder, at: Path) -> list[Path]:
    """Write section C3 as a slide, and the spots of C5 as cells without where they were.

    Both get a column of types: of four, the one whose genes are highest, each gene set scored
    against random genes (scanpy) and standardised over both sections.
    """
    import anndata
    import scanpy as sc

    read = {name: data.read(f"st_her2_he/{name}.h5ad") for name in ("C3", "C5")}
    both = anndata.concat(read, join="inner", index_unique=":")
    sc.pp.normalize_total(both, target_sum=1e4)
    sc.pp.log1p(both)
    scores = pd.DataFrame(index=both.obs_names)
    for kind, genes in MARKERS.items():
        sc.tl.score_genes(both, [g for g in genes if g in both.var_names], score_name=kind)
        scores[kind] = (both.obs[kind] - both.obs[kind].mean()) / both.obs[kind].std()
    types = scores.idxmax(axis=1)
    for name, adata in read.items():
        found = types[[f"{spot}:{name}" for spot in adata.obs_names]].to_numpy()
        adata.obs[TYPE] = pd.Categorical(found, list(MARKERS))
    slide, cells = read.values()
    files = slide.uns["spatial"]["C3"]["images_files"]
    files["hires"] = str(data.find("st_her2_he/C3_he.jpg").resolve())
    del cells.obsm["spatial"], cells.uns["spatial"]
    cells.obs = cells.obs[["section", TYPE]]
    paths = [at / "C3.h5ad", at / "C5_cells.h5ad"]
    slide.write_h5ad(paths[0])
    cells.write_h5ad(paths[1])
    return paths


@contextmanager
def remembered(folder: Path | None) -> Iterator[None]:
    """Take the results of placing from a folder, where it has them; else keep them there."""
    trained: Callable[..., Placed] = PlaceJob.__call__

    def place(job: PlaceJob, progress: ProgressCallback, should_stop: ShouldStop) -> Placed:
        assert folder is not None
        path = folder / f"{job.method}.h5ad"
        if not path.exists():
            trained(job, progress, should_stop).write(path)
        return job.outcome(path)

    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        PlaceJob.__call__ = place  # type: ignore[method-assign]
    try:
        yield
    finally:
        PlaceJob.__call__ = trained  # type: ignore[method-assign]
