"""Super-resolve without a window: choices, missing inputs and the state of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np

from napari_spatialrecon.viewer.canvas.colors import guess_kind
from napari_spatialrecon.viewer.super_resolve.job import Resolved, SuperJob
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice, GeneListModel
from napari_spatialrecon.viewer.task.job import Common
from napari_spatialrecon.viewer.task.saved_choice import TakesSavedModel
from napari_spatialrecon.viewer.workspace.tables import histology_of, short_name, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Role, Workspace

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop

FACTORS = {
    "2x2": "2×2",
    "3x3": "3×3",
    "4x4": "4×4",
    "2x5": "2×5",
    "7": "7, hexagonal (round spots)",
}
"""Factors offered; any other can be typed."""
MARKERS = 50
"""Number of marker genes per cluster."""
_MOST_CLUSTERS = 100
_LEAST_SPOTS = 3


class SuperModel(GeneListModel[SuperJob, Resolved], TakesSavedModel):
    """The choices made in Super-resolve, and its run."""

    task = "super-resolve"
    validates = True
    ignored_roles = (Role.RESULT, Role.MODEL, Role.QUERY)
    first_choice = GeneChoice.ALL

    def __init__(self, workspace: Workspace) -> None:
        self._factor = "2x2"
        self._diameter_um: float | None = None
        self._guided = False
        super().__init__(workspace)

    def on_slide(self) -> None:
        """Reset the diameter that was typed for the previous slide."""
        self._diameter_um = None

    @property
    def factor(self) -> str:
        """How a spot is divided."""
        return self._factor

    @factor.setter
    def factor(self, text: str) -> None:
        self._factor = text.strip().lower().replace("×", "x")
        self.choose()

    @property
    def clusters(self) -> dict[str, list[str]]:
        """Columns that divide the spots into clusters, each with the names of its clusters."""
        slide = self.slide
        if slide is None or slide.adata is None:
            return {}
        obs = slide.adata.obs
        found = {}
        for column in (str(c) for c in obs if guess_kind(obs[c]) == "category"):
            sizes = obs[column].value_counts()
            names = [str(n) for n, size in sizes.items() if size >= _LEAST_SPOTS]
            if 1 < len(names) <= _MOST_CLUSTERS:
                found[column] = sorted(names)
        return found

    def markers(self, column: str, cluster: str) -> Markers:
        """Return the search for the marker genes of a cluster."""
        slide = self.slide
        assert slide is not None, "clusters need a slide"
        return Markers(slide.table(), short_name(slide), column, cluster)

    @property
    def diameter_um(self) -> float | None:
        """Diameter of a spot given by the user; None for that stated by the slide."""
        return self._diameter_um

    @diameter_um.setter
    def diameter_um(self, value: float | None) -> None:
        self._diameter_um = value
        self.choose()

    @property
    def has_histology(self) -> bool:
        """Whether the slide's H&E is open."""
        return self.slide is not None and histology_of(self.workspace, self.slide) is not None

    @property
    def guided(self) -> bool:
        """Whether the H&E guides the split."""
        return self._guided and self.has_histology

    @guided.setter
    def guided(self, on: bool) -> None:
        self._guided = on
        self.choose()

    def new_curves(self) -> Curves:
        """Return empty curves for a run's reports; an even split is the baseline."""
        return Curves(baseline_title="an even split")

    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""
        if self.slide is None:
            return ["a slide: spots with coordinates and counts"]
        if self.choice is GeneChoice.LIST and not self.genes:
            return ["a gene to split: type part of its name"]
        return []

    def make_job(self, **common: Unpack[Common]) -> SuperJob:
        """Return a run with the current choices."""
        slide = self.slide
        assert slide is not None, "nothing is missing"
        scale = slide.um_per_unit or 1.0
        diameter = None if self.diameter_um is None else self.diameter_um / scale
        return SuperJob(
            slide=slide_table(slide, short_name(slide)),
            factor=self.factor,
            genes=None if self.choice is GeneChoice.ALL else self.genes,
            model=None if self.saved is None else self.saved.folder,
            spot_diameter=diameter,
            guided=self.guided,
            **common,
        )


@dataclass(frozen=True)
class Markers:
    """The marker genes of a cluster: work for `Run`."""

    adata: AnnData
    name: str
    column: str
    cluster: str

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> list[str]:
        """Return the genes that Welch's t-test ranks highest in the cluster against the rest."""
        from scipy.sparse import csr_matrix, diags
        from scipy.stats import ttest_ind_from_stats

        from napari_spatialrecon.tissue import contract

        slide = contract.prepare_slide(self.adata, self.name)
        counts = csr_matrix(slide.adata.X, dtype=np.float64)
        totals = np.asarray(counts.sum(axis=1)).ravel()
        logged = csr_matrix(diags(np.median(totals) / totals) @ counts).log1p()
        labels = self.adata.obs[self.column].to_numpy()[slide.kept].astype(str)
        inside = labels == self.cluster
        told = ttest_ind_from_stats(
            *_moments(logged[inside]), *_moments(logged[~inside]), equal_var=False
        ).statistic
        told = np.nan_to_num(told, nan=0.0)
        best = np.argsort(-told, kind="stable")[:MARKERS]
        return [str(slide.adata.var_names[i]) for i in best if told[i] > 0]


def _moments(values: csr_matrix) -> tuple[np.ndarray, np.ndarray, int]:
    """Return mean and standard deviation of each column, and the number of rows."""
    n = values.shape[0]
    mean = np.asarray(values.mean(axis=0)).ravel()
    squares = np.asarray(values.multiply(values).mean(axis=0)).ravel()
    return mean, np.sqrt(np.maximum(squares - mean**2, 0) * n / max(n - 1, 1)), n
