"""One run of Super-resolve, and its outcome: the counts of parts of spots, as images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import find_method, methods_for
from napari_spatialrecon.viewer.task.job import Checked, Input, Job, Line, Outcome, Script
from napari_spatialrecon.viewer.task.script import reading
from napari_spatialrecon.viewer.window.words import cost_line
from napari_spatialrecon.viewer.workspace.tables import Table

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csc_matrix

    from napari_spatialrecon.methods.method import Method
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.super_preflight import SuperPreflight
    from napari_spatialrecon.tasks.verdicts import Verdict
    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.tissue.subspot_picture import SubSpotPicture
    from napari_spatialrecon.tissue.subspots import SubSpots

_MASK_COVERS = 0.8
"""Smallest share of the spots within an outline of the tissue for the outline to be used."""


@dataclass(frozen=True, kw_only=True)
class Resolved(Outcome):
    """The counts of all parts of spots, ready to be drawn gene by gene.

    Parameters
    ----------
    parts
        Positions of the parts of spots with counts.
    picture
        Maps the parts to pixels.
    columns
        Counts of the parts, and ``"spread"`` if drawn, in the order of `parts`; by gene.
    """

    parts: SubSpots = field(repr=False)
    picture: SubSpotPicture = field(repr=False)
    columns: dict[str, csc_matrix] = field(repr=False)

    @classmethod
    def of(
        cls, adata: AnnData, record: Mapping[str, Any], image: Histology | None = None
    ) -> Resolved:
        """Return the outcome of a run; the places of the parts follow from the table."""
        from napari_spatialrecon.tasks.super_result import stored_parts

        return drawable(adata, dict(record), stored_parts(adata), image)

    @property
    def genes(self) -> list[str]:
        """The genes that were split by their symbols, in the order of the table."""
        from napari_spatialrecon.tissue.gene_names import GeneNames

        return GeneNames.of(self.adata.var).labels()

    @property
    def fd(self) -> float:
        """Fractional deviation of the sums of the parts from the counts of the spots."""
        return float(self.record["metrics"]["fd"])

    @property
    def has_spread(self) -> bool:
        """Whether the method drew samples, so that the uncertainty is known."""
        return "spread" in self.columns

    @property
    def first_gene(self) -> str:
        """The gene to show first: the one whose counts vary most."""
        counts = self.columns["counts"]
        mean = np.asarray(counts.mean(axis=0)).ravel()
        squares = np.asarray(counts.multiply(counts).mean(axis=0)).ravel()
        return self.genes[int(np.argmax(squares - mean**2))]

    @property
    def summary(self) -> str:
        """Number of genes, spots and parts, and run time."""
        spots, each = len(self.parts.lattice.points), len(self.parts.offsets)
        n = len(self.genes)
        genes = "1 gene" if n == 1 else f"{n:,} genes"
        return f"{genes}: {spots:,} spots split into {spots * each:,} parts{self.time}."

    @property
    def doubtful(self) -> bool:
        """Whether counts were lost or added, or nothing was gained over an even split."""
        return super().doubtful or self.verdict.doubtful

    @property
    def verdict(self) -> Verdict:
        """Whether counts were conserved, and anything was gained over an even split."""
        from napari_spatialrecon.tasks.verdicts import split_verdict

        return split_verdict(self.record["metrics"])

    def facts(self) -> list[Line]:
        """Return how good the split is, whether the uncertainty is known, and the notes."""
        found = self.verdict
        tone = "warning" if found.doubtful else "good" if found.measured else "quiet"
        lines: list[Line] = [(tone, found.text)]
        if not self.has_spread:
            lines += [
                ("quiet", f"Uncertainty was not estimated; {by} estimates it.") for by in _drawers()
            ]
        return [*lines, *super().facts()]

    def values(self, gene: str, of: str = "counts") -> np.ndarray:
        """Return a gene's counts (or spread) in the order of `parts`, (n * K,) float32."""
        from napari_spatialrecon.tissue.gene_lookup import find_genes

        column = self.columns[of][:, find_genes(self.adata.var, [gene], "those that were split")]
        return np.asarray(column.toarray().ravel(), np.float32)

    def measured(self, gene: str) -> np.ndarray:
        """Return a gene as measured, each spot's counts divided evenly among its parts."""
        each = len(self.parts.offsets)
        return np.repeat(self.values(gene).reshape(-1, each).mean(axis=1), each)


@dataclass(frozen=True, kw_only=True)
class SuperJob(Job):
    """A run of Super-resolve.

    Parameters
    ----------
    factor
        As `tissue.subspots.parse_factor` reads it.
    genes
        Genes to split; None for all.
    model
        Folder of your own generalist model; None for that of the package.
    spot_diameter
        In the unit of the coordinates, if the slide does not state it.
    guided
        Whether the nuclear stain of the H&E guides the split.
    """

    slide: Table
    factor: str = "2x2"
    genes: tuple[str, ...] | None = None
    model: Path | None = None
    spot_diameter: float | None = None
    guided: bool = False

    verb = "super-resolve"
    out = "parts.h5ad"

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Resolved:
        """Split the counts, and prepare the images."""
        from napari_spatialrecon.tasks.super_resolving import super_resolve

        image = self._histology()
        result = super_resolve(
            self.slide.adata,
            self.factor,
            method=self.method,
            genes=self.genes,
            config=self.config,
            seed=self.seed,
            device=self.device,
            model=self.model,
            spot_diameter=self.spot_diameter,
            histology=image if self.guided else None,
            name=self.slide.name,
            progress=progress,
            should_stop=should_stop,
        )
        result.record.settings |= self.settings()
        record = result.record.to_dict()
        return drawable(result.adata, record, result.parts, image, result.method)

    def outcome(self, out: Path) -> Resolved:
        """Read the outcome that the command line wrote to `out`."""
        from napari_spatialrecon.tissue.read import read_adata

        return Resolved.of(read_adata(out), self._recorded(out), self._histology())

    @property
    def title(self) -> str:
        """What is being done."""
        return f"Splitting the spots of {self.slide.name}"

    @property
    def result_name(self) -> str:
        """Method, factor and slide, which end the names of a gene's layers."""
        title = find_method(self.method, self.verb).title
        return f"{title} {self.factor.replace('x', '×')} · {self.slide.name}"

    def inputs(self) -> list[tuple[str, Input]]:
        """Return the slide."""
        return [("slide", self.slide)]

    def options(self, path: Callable[[Input], Path]) -> list[str]:
        """Return the options: the factor, and genes, model, diameter and guide if chosen."""
        words = ["--factor", self.factor]
        if self.genes is not None:
            words += ["--genes", ",".join(self.genes)]
        if self.model is not None:
            words += ["--model", str(self.model)]
        if self.spot_diameter is not None:
            words += ["--spot-diameter", f"{self.spot_diameter:.10g}"]
        return [*words, *(["--guided"] if self.guided else [])]

    def settings(self) -> dict[str, Any]:
        """Return the settings that a record keeps besides the config."""
        own: dict[str, Any] = {"factor": self.factor, "guided": self.guided}
        if self.model is not None:
            own["model"] = str(self.model)
        return {**super().settings(), **own}

    def validated(self) -> dict[str, Any]:
        """Return the slide and how it is split; a model of one's own is refused."""
        if self.model is not None:
            raise InputError(
                "Expected the model that comes with the plugin, found one of your own.",
                remedy="Try without it.",
            )
        return {
            "slide": self.slide.adata,
            "factor": self.factor,
            "spot_diameter": self.spot_diameter,
            "slide_name": self.slide.name,
        }

    def preflight(self) -> Checked:
        """Check the slide and estimate the run."""
        from napari_spatialrecon.tasks.super_preflight import super_preflight

        found = super_preflight(
            self.slide.adata,
            self.factor,
            method=self.method,
            config=self.config,
            device=self.device,
            genes=self.genes,
            spot_diameter=self.spot_diameter,
            name=self.slide.name,
        )
        plan: list[Line] = [("quiet", text) for text in found.plan]
        cost = cost_line(found.time, found.memory_bytes)
        return Checked((*self._lines(found), *plan, ("quiet", cost)), found.memory)

    def script(self) -> Script:
        """Return the call of `super_resolve`."""
        arguments = ["slide", repr(self.factor)]
        if self.genes is not None:
            arguments.append(f"genes={list(self.genes)!r}")
        if self.model is not None:
            arguments.append(f"model={str(self.model)!r}")
        if self.spot_diameter is not None:
            arguments.append(f"spot_diameter={self.spot_diameter!r}")
        if self.guided:
            arguments.append("histology=sr.histology(slide)")
        return Script("sr.super_resolve", arguments, reading({"slide": self.slide}))

    def _lines(self, found: SuperPreflight) -> list[Line]:
        genes = "1 gene" if found.genes == 1 else f"{found.genes:,} genes"
        lines: list[Line] = [
            ("good", f"{found.spots:,} {found.layout}, {found.parts} parts each"),
            ("good", f"{genes} to split" if self.genes is not None else f"all {genes}"),
        ]
        lines += [("good", text) for text in found.passed]
        lines += [("warning", note) for note in found.notes]
        if self._histology() is not None:
            lines.append(("good", "tissue is outlined on the H&E"))
        else:
            lines.append(("quiet", "no H&E: tissue is assumed around spots"))
        return lines

    def _histology(self) -> Histology | None:
        """Return the slide's H&E.

        Raises
        ------
        InputError
            It is needed to guide the split, and there is none.
        """
        image = self.slide.histology()
        if image is None and self.guided:
            raise InputError(
                "Expected an H&E image to guide the split, found none.",
                remedy="Try a slide with its image, or run without the guide.",
                where=self.slide.name,
            )
        return image


def _drawers() -> list[str]:
    """Return the methods, with preset, that estimate the uncertainty."""
    drawing = (info for info in methods_for(SuperJob.verb) if info.spread_preset)
    return [f"the preset {info.spread_preset} of {info.title}" for info in drawing]


def drawable(
    adata: AnnData,
    record: dict[str, Any],
    parts: SubSpots,
    image: Histology | None,
    method: Method | None = None,
) -> Resolved:
    """Return an outcome whose genes can be drawn without delay."""
    from scipy.sparse import csc_matrix

    from napari_spatialrecon.tissue.images import tissue_mask
    from napari_spatialrecon.tissue.slots import SPREAD
    from napari_spatialrecon.tissue.subspot_picture import subspot_picture

    mask, units = None, 1.0
    if image is not None:
        thumbnail, units = image.thumbnail()
        mask = tissue_mask(thumbnail)
        if _covered(mask, parts.lattice.points / units) < _MASK_COVERS:
            mask = None
            note = "The outline on the H&E misses many spots, so tissue is assumed around spots."
            record = {**record, "notes": [*record.get("notes", ()), note]}
    filled = np.flatnonzero(adata.obs["has_counts"].to_numpy())
    columns = {"counts": csc_matrix(adata.X)[filled]}
    if SPREAD in adata.layers:
        columns["spread"] = csc_matrix(adata.layers[SPREAD])[filled]
    picture = subspot_picture(parts, mask=mask, mask_units_per_pixel=units)
    return Resolved(adata, record, method, parts=parts, picture=picture, columns=columns)


def _covered(mask: np.ndarray, places: np.ndarray) -> float:
    """Return the share of positions (n, 2), as (x, y) in pixels, within a mask."""
    pixel = np.clip(np.rint(places).astype(int), 0, np.array(mask.shape)[::-1] - 1)
    return float(mask[pixel[:, 1], pixel[:, 0]].mean())
