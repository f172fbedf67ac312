"""How well what is learned from one section places another: dp-VAE, section 5.4 and figure 10."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.faces import argument
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import default_for
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.configs import Settings
from napari_spatialrecon.tasks.training import train
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata

#: Columns of the table that name a pair.
LEARNED, PLACED = "learned_from", "placed"


@dataclass(frozen=True, eq=False)
class Transfer:
    """Every section placed by what was learned from every other, and from itself.

    Parameters
    ----------
    table
        A row for each pair, ``learned_from`` and ``placed``, with the metrics of
        `evaluation.place_metrics`. Where both are the same section, the spots that were learned
        from are placed, so that these rows say how well it was learned, not how well it transfers.
    """

    table: pd.DataFrame

    def matrix(self, metric: str = "procrustes") -> pd.DataFrame:
        """Return a metric with a row for each section learned from, a column for each placed.

        Raises
        ------
        InputError
            There is no such metric.
        """
        known = [name for name in self.table if name not in (LEARNED, PLACED)]
        if metric not in known:
            raise InputError(
                f"Expected a metric of places, found {metric!r}.",
                remedy=f"Try one of {', '.join(known)}.",
                where=argument("metric"),
            )
        order = list(dict.fromkeys(self.table[LEARNED]))
        wide = self.table.pivot(index=LEARNED, columns=PLACED, values=metric)
        return wide.loc[order, order]

    def mean(self, metric: str = "procrustes") -> float:
        """Return the mean of a metric over pairs of different sections."""
        values = self.matrix(metric).to_numpy()
        return float(values[~np.eye(len(values), dtype=bool)].mean())


@takes_spatialdata
def transfer(
    slides: Mapping[str, Table],
    *,
    method: str = default_for("impute-locations"),
    config: Config | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Transfer:
    """Learn from each section in turn, and place every section by it, its places hidden.

    Parameters
    ----------
    slides
        Two or more sections by name, with places.
    method, config, settings
        As in `train`. A method learns from one section at a time and knows of no other.
    seed
        Seed; the same seed on the same machine gives the same bytes.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    Transfer
        How well each section is placed by what was learned from each other one.

    Raises
    ------
    InputError
        There are fewer than two sections, or the method is not trained in advance.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> found = sr.transfer({"C2": c2, "C3": c3, "C5": c5}, method="dpvae")  # doctest: +SKIP
    """
    if len(slides) < 2:
        raise InputError(
            f"Expected at least 2 sections, found {len(slides)}.", where=argument("slides")
        )
    reporter = Reporter(progress, should_stop)
    given: dict[str, Any] = {"method": method, "config": config, "settings": settings, "seed": seed}
    work: dict[str, Any] = {"device": device, "progress": progress, "should_stop": should_stop}
    hidden = {name: hide_places(slide) for name, slide in slides.items()}
    rows = []
    for learned, slide in slides.items():
        reporter.check()
        model = train({learned: slide}, **given, **work)
        for name, query in hidden.items():
            placed = model.place(query, query_name=name, **work).adata
            rows.append({LEARNED: learned, PLACED: name, **_measured(slides[name], placed, seed)})
    return Transfer(pd.DataFrame(rows))


def _measured(slide: AnnData, placed: AnnData, seed: int) -> dict[str, float]:
    """Return the metrics of the spots that could be placed."""
    found = contract.coordinates(placed)
    known = np.isfinite(found).all(axis=1)
    truth = contract.coordinates(slide)[slide.obs_names.get_indexer(placed.obs_names)]
    return place_metrics(truth[known], found[known], seed=seed)
