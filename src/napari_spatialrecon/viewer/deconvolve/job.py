"""One run of Deconvolve, and its outcome: the cell types in each spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import (
    LOWER,
    MAIN_TYPE,
    MAPPING,
    MARKERS,
    OURS,
    PROPORTIONS,
    UPPER,
)
from napari_spatialrecon.viewer.task.job import Input, Outcome, Script
from napari_spatialrecon.viewer.task.slide_and_reference_job import SlideAndReferenceJob

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.preflight import Preflight
    from napari_spatialrecon.tissue.images import Histology

_CELLS_SHOWN = 5


@dataclass(frozen=True)
class Mixed(Outcome):
    """The mixture of each spot."""

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], image: Histology | None = None) -> Self:
        """Return the outcome of a run from its table and record, with its main types."""
        return cls(with_main_type(adata), record)

    @property
    def types(self) -> list[str]:
        """Names of the cell types, as in the reference."""
        return [str(name) for name in self.adata.uns[OURS]["types"]]

    @property
    def proportions(self) -> np.ndarray:
        """Shares of the types, (n_spots, n_types); rows sum to 1."""
        return np.asarray(self.adata.obsm[PROPORTIONS], float)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Bounds of the 90% intervals, each (n_spots, n_types); None where there are none."""
        shape = (self.adata.n_obs, len(self.types))
        found = [np.asarray(self.adata.obsm.get(key)) for key in (LOWER, UPPER)]
        if any(values.shape != shape for values in found):
            return None
        lower, upper = (values.astype(float) for values in found)
        return lower, upper

    @property
    def markers(self) -> pd.DataFrame | None:
        """How marker genes bear out each type, in the order of `types`; None in older results."""
        found = self.adata.uns[OURS].get(MARKERS)
        return None if found is None else found.reindex(self.types)

    @property
    def summary(self) -> str:
        """How many spots and types in which time, and what most of the tissue is."""
        from napari_spatialrecon.tasks.verdicts import mixture_verdict

        found = mixture_verdict(self.proportions, self.types, (), self.record.get("metrics", {}))
        return f"{found.text} Done{self.time}."

    def spot(self, row: int) -> str:
        """Return a description of a spot: its largest shares and most likely cells."""
        shares, bounds = self.proportions[row], self.bounds
        largest = [i for i in np.argsort(-shares)[:6] if shares[i] >= 0.01]
        said = [f"{self.types[i]} {shares[i]:.0%}" for i in largest]
        about = ""
        if bounds is not None:
            ends = [[100 * bound[row, i] for bound in bounds] for i in largest]
            pairs = zip(said, ends, strict=True)
            said = [f"{share} ({low:.0f} to {high:.0f}%)" for share, (low, high) in pairs]
            about = " In brackets: 90% intervals."
        return f"{self.adata.obs_names[row]}: {', '.join(said)}.{about}{self._cells(row)}"

    @property
    def table(self) -> pd.DataFrame:
        """Shares of each spot, and the bounds of their intervals where there are any."""
        import pandas as pd

        told = {PROPORTIONS: "", LOWER: " (lower)", UPPER: " (upper)"}
        return pd.concat(
            [
                self.adata.obsm[key].set_axis([f"{name}{end}" for name in self.types], axis=1)
                for key, end in told.items()
                if key in self.adata.obsm
            ],
            axis=1,
        )

    def about(self, number: int) -> str:
        """Return how much of the slide a type is, and in how many spots it may be absent."""
        mean = self.proportions[:, number].mean()
        text = f"{self.types[number]}: {mean:.1%} of the slide"
        known = self.markers
        if known is not None and known["agreement"].iloc[number] == known["agreement"].iloc[number]:
            row = known.iloc[number]
            text += f"; correlation with its markers ({row['markers']}) {row['agreement']:.2f}"
        if self.bounds is None:
            return text
        absent = float((self.bounds[0][:, number] <= 0).mean())
        return f"{text}; its 90% interval includes 0 in {absent:.0%} of the spots"

    def _cells(self, row: int) -> str:
        mapping = self.adata.obsm.get(MAPPING)
        names = self.adata.uns[OURS].get("mapping_cells")
        if mapping is None or names is None:
            return ""
        cells = mapping[[row]].tocoo()
        first = np.argsort(-cells.data)[:_CELLS_SHOWN]
        if not len(first):
            return ""
        return f" Most likely cells: {', '.join(str(names[cells.col[i]]) for i in first)}."


@dataclass(frozen=True, eq=False)
class Known:
    """Known shares, or numbers of cells, and their file."""

    path: Path
    shares: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a CSV: one row per spot, one column per type.

        Raises
        ------
        InputError
            It is no such table.
        """
        from napari_spatialrecon.tasks.known_shares import read_shares

        return cls(Path(path), read_shares(path))


@dataclass(frozen=True, kw_only=True)
class MixtureJob(SlideAndReferenceJob):
    """A run of Deconvolve.

    Parameters
    ----------
    labels
        Column of the reference that names each cell's type.
    known
        What is known of the spots beforehand.
    """

    labels: str
    known: Known | None = None

    verb = "deconvolve"
    kind = "types"
    out = "mixtures.h5ad"
    outcome_class = Mixed

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Mixed:
        """Find the mixtures."""
        from napari_spatialrecon.tasks.deconvolving import deconvolve

        result = deconvolve(
            self.slide.adata,
            self.reference.adata,
            self.labels,
            prior=self._prior,
            seed=self.seed,
            progress=progress,
            should_stop=should_stop,
            **self.shared(),
        )
        result.record.settings |= self.settings()
        return Mixed(with_main_type(result.adata), result.record.to_dict(), result.method)

    @property
    def title(self) -> str:
        """What is being done."""
        return f"Deconvolving {self.slide.name}"

    def options(self, path: Callable[[Input], Path]) -> list[str]:
        """Return the options for the column of types and for what is known."""
        more = [] if self.known is None else ["--prior", str(self.known.path)]
        return ["--labels", self.labels, *more]

    def settings(self) -> dict[str, Any]:
        """Return the settings that a record keeps besides the config."""
        more = {} if self.known is None else {"prior": str(self.known.path)}
        return {**super().settings(), "labels": self.labels, **more}

    def preflight(self) -> Preflight:
        """Check the inputs and estimate the run."""
        from napari_spatialrecon.tasks.mixture_preflight import mixture_preflight

        return mixture_preflight(
            self.slide.adata,
            self.reference.adata,
            self.labels,
            prior=self._prior,
            **self.shared(),
        )

    def validated(self) -> dict[str, Any]:
        """Return slide, reference and its column of types; known shares are refused."""
        if self.known is not None:
            raise InputError(
                "Expected shares that are all estimated, found known ones.",
                remedy="Try without known shares.",
            )
        return {**super().validated(), "labels": self.labels}

    def script(self) -> Script:
        """Return the call of `deconvolve`."""
        arguments, lines = ["slide", "reference", repr(self.labels)], self.reading()
        if self.known is not None:
            arguments.append("prior=prior")
            lines.append(f"prior = sr.read_shares({str(self.known.path)!r})")
        return Script("sr.deconvolve", arguments, lines)

    @property
    def _prior(self) -> pd.DataFrame | None:
        return None if self.known is None else self.known.shares


def with_main_type(adata: AnnData) -> AnnData:
    """Add the largest share of each spot as the first column, the default of *Color by*."""
    import pandas as pd

    types = [str(name) for name in adata.uns[OURS]["types"]]
    largest = np.asarray(adata.obsm[PROPORTIONS]).argmax(axis=1)
    first = pd.Series(pd.Categorical.from_codes(largest, types), adata.obs_names, name=MAIN_TYPE)
    adata.obs = pd.concat([first, adata.obs.drop(columns=MAIN_TYPE, errors="ignore")], axis=1)
    return adata
