"""One run of Impute genes, and its outcome: maps of genes missing from the slide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_spatialrecon.tissue.slots import IMPUTED_STD
from napari_spatialrecon.viewer.task.job import Checked, Input, Line, Outcome, Script
from napari_spatialrecon.viewer.task.slide_and_reference_job import SlideAndReferenceJob
from napari_spatialrecon.viewer.window.words import cost_line

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tissue.images import Histology

MISSING = "missing"
"""Requests every gene of the reference that the slide lacks."""
_TRUTH, _HELD_OUT, _FOUND = "held_out_measured", "held out", "found"
_ROUGH, _GOOD = 0.3, 0.6
"""Correlations with the truth below which a map is unreliable, and above which it is reliable."""
_FEW_GENES = 20


@dataclass(frozen=True)
class Imputed(Outcome):
    """The maps of genes, and the measurements of those hidden from the run."""

    @classmethod
    def of(cls, adata: AnnData, record: Mapping[str, Any], image: Histology | None = None) -> Self:
        """Return the outcome of a run from its table and record.

        The command line compares no genes with their measurement.
        """
        if _FOUND not in adata.var:
            adata.var[_FOUND] = np.nan
        return cls(adata, record)

    @property
    def genes(self) -> pd.DataFrame:
        """One row per gene: ``origin``, predicted ``reliability``, and ``found`` if held out.

        Imputed genes come first, sorted by reliability.
        """
        found = self.adata.var[["origin", "reliability", _FOUND]].copy()
        found["origin"] = found["origin"].astype(str)
        return found.sort_values("reliability", ascending=False, kind="stable", na_position="last")

    @property
    def held_out(self) -> list[str]:
        """Genes that the slide measured and that were hidden from the run."""
        return [str(g) for g in self.adata.var_names[self.adata.var["origin"] == _HELD_OUT]]

    @property
    def first_gene(self) -> str:
        """The gene to show first: a held-out one, else the most reliable."""
        held = self.held_out
        return held[0] if held else str(self.genes.index[0])

    def values(self, gene: str) -> np.ndarray:
        """Return a gene over the spots, log-normalized, (n_spots,) float32."""
        return _column(self.adata.X, self.adata.var_names.get_loc(gene))

    def spread(self, gene: str) -> np.ndarray:
        """Return the standard deviation of the imputed gene, (n_spots,) float32."""
        return _column(self.adata.layers[IMPUTED_STD], self.adata.var_names.get_loc(gene))

    def measured(self, gene: str) -> np.ndarray | None:
        """Return a held-out gene as it was measured, (n_spots,) float32; None for any other."""
        if gene not in self.held_out:
            return None
        return self.adata.obsm[_TRUTH][gene].to_numpy(np.float32)

    def sentence(self, gene: str) -> Line:
        """Return a summary of the reliability of a gene's map."""
        row = self.adata.var.loc[gene]
        if row["origin"] == "measured":
            return "good", f"{gene} was measured and is shown as is."
        expected = float(row["reliability"])
        fit = "expected fit unknown" if np.isnan(expected) else f"expected r {expected:.2f}"
        if row["origin"] == _HELD_OUT:
            found = float(row[_FOUND])
            text = f"{gene} was measured and hidden: {fit}, observed r {found:.2f}."
            return _tone(found), f"{text} {_advice(found)}"
        return _tone(expected), f"{gene} is imputed: {fit}. {_advice(expected)}".strip()

    @property
    def summary(self) -> str:
        """Number of genes, run time, and how accurate they are."""
        from napari_spatialrecon.tasks.gene_result import verdict

        n = int((self.adata.var["origin"] == "imputed").sum())
        genes = "1 gene" if n == 1 else f"{n:,} genes"
        return f"{genes} imputed{self.time}. {verdict(self.record['metrics'])}"

    @property
    def doubtful(self) -> bool:
        """Whether held-out genes fit badly, or no better than with the baseline."""
        metrics = self.record["metrics"]
        own, baseline = metrics.get("held_out_pcc"), metrics.get("held_out_baseline_pcc")
        if own is None:
            return super().doubtful
        worse = baseline is not None and own < baseline
        return super().doubtful or own < _ROUGH or worse

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write table and record, and the reliability diagram if the run held genes out."""
        from napari_spatialrecon.tasks.gene_report import draw_run

        written = super().write(path)
        picture = draw_run(self.record["settings"], path)
        return written if picture is None else (*written, picture)

    def facts(self) -> list[Line]:
        """Return the accuracy on held-out genes, and the notes."""
        rows = self.adata.var[self.adata.var["origin"] == _HELD_OUT]
        lines: list[Line] = []
        if len(rows):
            found, expected = float(rows[_FOUND].mean()), float(rows["reliability"].mean())
            fit = "" if np.isnan(expected) else f", where {expected:.2f} was expected"
            genes = "1 measured gene" if len(rows) == 1 else f"{len(rows)} measured genes"
            text = f"{genes} hidden from the run: observed r {found:.2f} on average{fit}."
            lines.append((_tone(found), text))
            lines += self._similarity()
        return [*lines, *super().facts()]

    def _similarity(self) -> list[Line]:
        """Return how the similarity of held-out genes to one another agrees with the measured."""
        from napari_spatialrecon.evaluation.gene_similarity import GeneSimilarity

        genes, kept = self.held_out, self.adata.obsm[_TRUTH].notna().all(axis=1).to_numpy()
        if len(genes) < 3:
            return []
        true = self.adata.obsm[_TRUTH][genes].to_numpy(float)[kept]
        guess = np.stack([self.values(gene) for gene in genes], axis=1)[kept]
        found = GeneSimilarity.of(genes, true, guess)
        if np.isnan(found.agreement):
            return []
        more = "more" if found.excess > 0 else "less"
        text = (
            f"How alike these genes are to one another: imputed and measured agree by "
            f"{found.agreement:.2f}; imputed genes are {more} alike, by {abs(found.excess):.2f}."
        )
        return [("quiet", text)]


@dataclass(frozen=True, kw_only=True)
class GeneJob(SlideAndReferenceJob):
    """A run of Impute genes.

    Parameters
    ----------
    genes
        Genes to impute; None for all that the slide lacks.
    hidden
        Genes of the slide that the run does not see; they are imputed too.
    """

    genes: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()

    verb = "impute-genes"
    kind = "genes"
    out = "genes.h5ad"
    outcome_class = Imputed

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Imputed:
        """Impute, and compare hidden genes with their measurement."""
        from napari_spatialrecon.tasks.gene_check import compare
        from napari_spatialrecon.tasks.imputing import impute_genes

        result = impute_genes(
            self.slide.adata,
            self.reference.adata,
            self.asked,
            hide=self.hidden,
            seed=self.seed,
            progress=progress,
            should_stop=should_stop,
            **self.shared(),
        )
        result.record.settings |= self.settings()
        whole = compare(result.adata, self.slide.adata, self.hidden, self.slide.name)
        return Imputed(whole, result.record.to_dict(), result.method)

    def outcome(self, out: Path) -> Imputed:
        """Read the outcome that the command line wrote to `out`."""
        from napari_spatialrecon.tasks.gene_check import compare

        found = super().outcome(out)
        whole = compare(found.adata, self.slide.adata, self.hidden, self.slide.name)
        return Imputed(whole, found.record)

    @property
    def asked(self) -> list[str] | str:
        """The genes that the task must impute."""
        return MISSING if self.genes is None else list(dict.fromkeys([*self.genes, *self.hidden]))

    @property
    def title(self) -> str:
        """What is being done."""
        return f"Imputing genes of {self.slide.name}"

    def options(self, path: Callable[[Input], Path]) -> list[str]:
        """Return the options for the genes."""
        words = ["--genes", MISSING if self.genes is None else ",".join(self.asked)]
        return [*words, "--hide", ",".join(self.hidden)] if self.hidden else words

    def settings(self) -> dict[str, Any]:
        """Return the settings that a record keeps besides the config."""
        return {**super().settings(), "genes": self.asked, "hidden": list(self.hidden)}

    def preflight(self) -> Checked:
        """Check slide, reference and genes, and estimate the run."""
        from napari_spatialrecon.tasks.gene_check import without
        from napari_spatialrecon.tasks.gene_preflight import gene_preflight

        found = gene_preflight(
            without(self.slide.adata, self.hidden, self.slide.name),
            self.reference.adata,
            self.asked,
            **self.shared(),
        )
        few = found.shared < _FEW_GENES
        shared = f"{found.shared:,} shared genes to learn from" + (", few" if few else "")
        lines: list[Line] = [
            ("warning" if few else "good", shared),
            ("good", f"{found.spots:,} spots, {found.cells:,} cells"),
            ("good", f"{found.asked - len(self.hidden):,} genes to impute"),
        ]
        if self.hidden:
            genes = "gene" if len(self.hidden) == 1 else "genes"
            lines.append(("good", f"{len(self.hidden)} measured {genes} hidden to check the maps"))
        lines += [("good", text) for text in found.passed]
        lines += [("quiet" if "Kept as measured" in n else "warning", n) for n in found.notes]
        lines += [("quiet", text) for text in found.plan]
        cost = cost_line(found.time, found.memory_bytes)
        return Checked((*lines, ("quiet", cost)), found.memory)

    def script(self) -> Script:
        """Return the call of `impute_genes`."""
        genes = MISSING if self.genes is None else list(self.genes)
        arguments = ["slide", "reference", repr(genes)]
        if self.hidden:
            arguments.append(f"hide={list(self.hidden)!r}")
        tables = self.reading()
        return Script("sr.impute_genes", arguments, tables)


def _column(matrix: np.ndarray | csr_matrix, number: int) -> np.ndarray:
    column = matrix[:, [number]]
    dense = column.toarray() if hasattr(column, "toarray") else column
    return np.asarray(dense, np.float32).ravel()


def _tone(r: float) -> str:
    if np.isnan(r):
        return "quiet"
    return "good" if r >= _GOOD else "warning" if r >= _ROUGH else "wrong"


def _advice(r: float) -> str:
    if np.isnan(r):
        return ""
    if r >= _GOOD:
        return "The pattern is reliable."
    if r >= _ROUGH:
        return "A rough map: trust broad regions, not individual spots."
    return "Not reliable."
