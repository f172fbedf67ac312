"""Simulation of a tissue that is cut, measured on slides and dissociated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix, vstack

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.simulator import expression, platforms
from napari_spatialrecon.tissue.simulator.cells import Cells, draw_cells
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.cortex import cortex
from napari_spatialrecon.tissue.simulator.layout import Array, Layout, SectionMap
from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
from napari_spatialrecon.tissue.simulator.staining import stain
from napari_spatialrecon.tissue.simulator.tumour import tumour

TISSUES: Mapping[str, Callable[[float, np.random.Generator], Layout]] = {
    "cortex": cortex,
    "tumour": tumour,
}
#: Difference between sections, and between batches of cells, as a share of the batch effect.
BETWEEN_SECTIONS, BETWEEN_BATCHES = 0.2, 0.3


def simulate(
    tissue: str = "cortex",
    config: SimulatorConfig | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
    *,
    preset: str = "quick",
) -> SimulatedTissue:
    """Simulate a tissue: sections on Visium slides, and dissociated cells from between them.

    Parameters
    ----------
    tissue
        ``"cortex"`` or ``"tumour"``.
    config
        Hyper-parameters; those of `preset` if None.
    seed
        Seed; the same seed gives the same bytes.
    reporter
        Receives every section; may stop the work.
    preset
        ``"quick"``, ``"tiny"`` (400 cells, for examples and tests) or another of the config.

    Returns
    -------
    SimulatedTissue
        The slides, the cells and the truth. The dissociated cells come from a separate section, so
        that no cell is both in a slide and in the query.

    Raises
    ------
    InputError
        The tissue does not exist, or it has fewer cells than requested.
    Stopped
        A stop was requested.

    Examples
    --------
    >>> made = simulate("cortex", seed=1, preset="tiny")
    >>> len(made.slides), made.cells.n_obs, made.truth.shape[0]
    (2, 400, 400)
    """
    if tissue not in TISSUES:
        raise InputError(f"Expected a tissue of {', '.join(TISSUES)}; found {tissue!r}.")
    chosen = config or SimulatorConfig.preset(preset)
    return _Simulation(tissue, chosen, seed, reporter or Reporter()).run()


class _Simulation:
    def __init__(self, tissue: str, config: SimulatorConfig, seed: int, reporter: Reporter) -> None:
        self.tissue, self.config, self.seed, self.reporter = tissue, config, seed, reporter
        seeds = np.random.SeedSequence(seed).spawn(config.n_sections + 3)
        self.rngs = [np.random.default_rng(s) for s in seeds]
        self.layout = TISSUES[tissue](config.size, self.rngs[-1])
        self.radii = np.array([t.nucleus.radius for t in self.layout.types])
        self.genes = expression.draw_genes(self.layout, config, self.rngs[-2])

    def run(self) -> SimulatedTissue:
        config, n = self.config, self.config.n_sections
        depths = [i * config.section_spacing for i in range(n)]
        self.reporter.begin(f"Simulating {self.tissue}", total=n + 1)
        slides, single, frames = [], [], []
        for i, z in enumerate(depths):
            spots, cells, frame = self._section(i, z)
            slides.append(spots)
            single.append(cells)
            frames.append(frame)
            self.reporter.step(i + 1)
        between = depths[0] + config.section_spacing / 2
        poses = [frame.in_pixels(config.um_per_px) for frame in frames]
        query, truth = self._query(between, poses[0])
        self.reporter.step(n + 1)
        genes = pd.DataFrame(
            {"program": self.genes.programs, "driver": self.genes.drivers},
            index=pd.Index(self.genes.names),
        )
        return SimulatedTissue(
            self.tissue, config, self.seed, slides, single, query, truth, genes, poses,
            [*depths, between],
        )  # fmt: skip

    def _section(self, number: int, z: float) -> tuple[AnnData, AnnData, platforms.Frame]:
        config, rng = self.config, self.rngs[number]
        section = self.layout.section(z)
        cells = draw_cells(section, self.radii, config.cell_density, rng)
        frame = platforms.draw_frame(cells.points, number, rng)
        spread = BETWEEN_SECTIONS * config.batch_effect
        effect = spread * rng.normal(size=config.n_genes)
        measured = expression.Measurement(config.depth, effect)
        factor = self._depth_factor(cells, rng)
        counts = self._counts(cells, section, factor, measured, rng)
        self.reporter.check()
        image = stain(section, self.layout, cells, frame, config.um_per_image_px, rng)
        placed = frame.pose.apply(cells.points)
        spots, array = platforms.visium_grid(frame, section)
        spot = platforms.spot_of_cell(placed, spots)
        filled = np.unique(spot[spot >= 0])
        renumber = np.full(len(spots) + 1, -1)
        renumber[filled] = np.arange(len(filled))
        spots, array, spot = spots[filled], array[filled], renumber[spot]
        names = platforms.barcodes(len(spots), "1", rng)
        library = f"section{number + 1}"
        obs = pd.DataFrame(
            {"in_tissue": 1, "array_row": array[:, 0], "array_col": array[:, 1]}, index=names
        )
        visium = platforms.slide_table(
            platforms.sum_in_spots(counts, spot, len(spots)), obs, self.genes.names,
            spots / config.um_per_px,
            platforms.slide_uns(library, image, config.um_per_px, config.um_per_image_px),
        )  # fmt: skip
        obs = self._truth(cells, factor, [f"{library}_{i}" for i in range(len(spot))])
        obs["spot"] = np.append(names, "")[spot]
        single = platforms.slide_table(
            counts, obs, self.genes.names, placed,
            platforms.slide_uns(library, image, 1.0, config.um_per_image_px),
        )  # fmt: skip
        return visium, single, frame

    def _query(self, z: float, pose: Pose) -> tuple[AnnData, pd.DataFrame]:
        config, rng = self.config, self.rngs[-3]
        section = self.layout.section(z)
        cells = draw_cells(section, self.radii, config.cell_density, rng)
        cells = self._dissociate(cells, rng)
        batch = rng.integers(0, 2, len(cells.types))
        shared = rng.normal(size=config.n_genes)
        factor = self._depth_factor(cells, rng)
        parts = []
        for value in (0, 1):
            own = rng.normal(size=config.n_genes)
            effect = config.batch_effect * (shared + BETWEEN_BATCHES * own)
            measured = expression.Measurement(config.query_depth, effect, expression.AMBIENT)
            chosen = batch == value
            parts.append(self._counts(cells.take(chosen), section, factor[chosen], measured, rng))
        back = np.argsort(np.argsort(batch, kind="stable"), kind="stable")
        counts = vstack(parts, format="csr")[back]
        names = platforms.barcodes(len(batch), "2", rng)
        truth = self._truth(cells, factor, names)
        truth[["x", "y"]] = pose.apply(cells.points)
        obs = pd.DataFrame({
            "cell_type": truth["cell_type"],
            "batch": pd.Categorical(np.array(["batch1", "batch2"])[batch]),
        }, index=truth.index)  # fmt: skip
        var = pd.DataFrame(index=pd.Index(self.genes.names))
        return AnnData(counts, obs=obs, var=var), truth

    def _dissociate(self, cells: Cells, rng: np.random.Generator) -> Cells:
        config, found = self.config, len(cells.types)
        if found < config.n_cells:
            raise InputError(
                f"Expected a section of at least {config.n_cells} cells, found {found}.",
                remedy="Try a larger size, a higher cell_density or fewer n_cells.",
            )
        shift = config.composition_shift * config.noise
        weight = np.exp(shift * rng.normal(size=len(self.layout.types)))[cells.types]
        chosen = rng.choice(found, config.n_cells, replace=False, p=weight / weight.sum())
        return cells.take(chosen)

    def _depth_factor(self, cells: Cells, rng: np.random.Generator) -> Array:
        if not self.config.noise:
            return np.ones(len(cells.types))
        size = np.array([t.size for t in self.layout.types])[cells.types]
        factor = size * np.exp(self.config.depth_spread * rng.normal(size=len(size)))
        return np.asarray(factor / np.median(factor))

    def _counts(
        self,
        cells: Cells,
        section: SectionMap,
        factor: Array,
        measured: expression.Measurement,
        rng: np.random.Generator,
    ) -> csr_matrix:
        if not self.config.noise:
            return expression.exact_counts(self.genes, cells)
        return expression.draw_counts(
            self.genes, cells, section, factor, measured, self.config, rng, self.reporter
        )

    def _truth(self, cells: Cells, factor: Array, names: Any) -> pd.DataFrame:
        types = [t.name for t in self.layout.types]
        return pd.DataFrame({
            "x_um": cells.points[:, 0],
            "y_um": cells.points[:, 1],
            "cell_type": pd.Categorical.from_codes(cells.types, types),
            "niche": pd.Categorical.from_codes(cells.niches, list(self.layout.niches)),
            "depth_factor": factor,
        }, index=pd.Index(names, dtype=object))  # fmt: skip
